// Values of every built-in type, at their edges. Each is encoded by this stack, or is bytes where the stack's own types
// are too narrow (100 ns ticks, text that is no UTF-8, DiagnosticInfo, a null array that is not an empty one).
import { BinaryStream } from "node-opcua-binary-stream";
import { LocalizedText, QualifiedName } from "node-opcua-data-model";
import { DataValue } from "node-opcua-data-value";
import { ExpandedNodeId, NodeId, NodeIdType } from "node-opcua-nodeid";
import { StatusCodes } from "node-opcua-status-code";
import { DataType, Variant, VariantArrayType } from "node-opcua-variant";

const EPOCH_TICKS = 116444736000000000n;
const MAX_I64 = 0x7fffffffffffffffn;
export const SOURCE_MS = Date.UTC(2026, 0, 15, 12, 30, 45, 678);
export const SOURCE_TICKS = BigInt(SOURCE_MS) * 10000n + EPOCH_TICKS + 1234n; // and 123.4 microseconds

const MARK = Buffer.from("bytes as they are:");
const encode = Variant.prototype.encode;
Variant.prototype.encode = function (stream) {
  const isRaw = this.dataType === DataType.ByteString && Buffer.isBuffer(this.value) && this.value.subarray(0, MARK.length).equals(MARK);
  if (!isRaw) return encode.call(this, stream);
  for (const byte of this.value.subarray(MARK.length)) stream.writeUInt8(byte);
};

/** A Variant whose bytes are given. The mark survives the many copies that the stack makes of a value on its way. */
const rawVariant = (bytes) => new Variant({ dataType: DataType.ByteString, value: Buffer.concat([MARK, bytes]) });

export function bytesOf(variant) {
  const stream = new BinaryStream(1 << 20);
  variant.encode(stream);
  return Buffer.from(stream.buffer.subarray(0, stream.length));
}

const scalar = (dataType, value) => new Variant({ dataType, arrayType: VariantArrayType.Scalar, value });
const array = (dataType, value) => new Variant({ dataType, arrayType: VariantArrayType.Array, value });
const raw = (...parts) => rawVariant(Buffer.concat(parts.map((part) => (typeof part === "number" ? Buffer.from([part]) : part))));
const int32 = (value) => { const b = Buffer.alloc(4); b.writeInt32LE(value); return b; };
const uint32 = (value) => { const b = Buffer.alloc(4); b.writeUInt32LE(value); return b; };
const int64 = (value) => { const b = Buffer.alloc(8); b.writeBigInt64LE(value); return b; };
const uint64 = (value) => { const b = Buffer.alloc(8); b.writeBigUInt64LE(value); return b; };
const float32 = (value) => { const b = Buffer.alloc(4); b.writeFloatLE(value); return b; };
const float64 = (value) => { const b = Buffer.alloc(8); b.writeDoubleLE(value); return b; };
const counted = (bytes) => Buffer.concat([int32(bytes.length), bytes]);
const text = (value) => counted(Buffer.from(value));
const halves = (value) => [Number((value >> 32n) & 0xffffffffn), Number(value & 0xffffffffn)];
const rawArray = (kind, items, dimensions) =>
  raw(kind | 0x80 | (dimensions ? 0x40 : 0), int32(items.length), ...items, ...(dimensions ? [int32(dimensions.length), ...dimensions.map(int32)] : []));

export const HOSTILE = "\u0000nul \u001b[31mred\u001b]0;title\u0007 \u202eevil\u202c \u2066x\u2069 \r\n\t \u0085 \u009b31m \ufeff =SUM(A1) <b>\"'`;|,";

function numbers() {
  const found = {
    "Boolean/true": scalar(DataType.Boolean, true), "Boolean/false": scalar(DataType.Boolean, false),
    "Boolean/seven": raw(1, 7),
  };
  const ranges = { SByte: [-128, 127], Byte: [0, 255], Int16: [-32768, 32767], UInt16: [0, 65535], Int32: [-2147483648, 2147483647], UInt32: [0, 4294967295] };
  for (const [name, [low, high]] of Object.entries(ranges)) {
    found[`${name}/min`] = scalar(DataType[name], low);
    found[`${name}/max`] = scalar(DataType[name], high);
  }
  const wide = { Int64: [-(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 53n], UInt64: [0n, 2n ** 64n - 1n, 2n ** 53n + 1n, 2n ** 63n] };
  for (const [name, values] of Object.entries(wide)) {
    for (const value of values) found[`${name}/${value}`] = scalar(DataType[name], halves(value & 0xffffffffffffffffn));
  }
  const floats = { NaN: NaN, Infinity, "-Infinity": -Infinity, "-0": -0, "0": 0 };
  for (const [name, value] of Object.entries(floats)) {
    found[`Float/${name}`] = scalar(DataType.Float, value);
    found[`Double/${name}`] = scalar(DataType.Double, value);
  }
  found["Float/smallest"] = scalar(DataType.Float, 1.401298464324817e-45);
  found["Float/largest"] = scalar(DataType.Float, 3.4028234663852886e38);
  found["Float/odd NaN"] = raw(10, uint32(0xffc12345));
  found["Float/signalling NaN"] = raw(10, uint32(0x7f800001));
  found["Double/5e-324"] = scalar(DataType.Double, 5e-324);
  found["Double/largest"] = scalar(DataType.Double, Number.MAX_VALUE);
  found["Double/0.1+0.2"] = scalar(DataType.Double, 0.1 + 0.2);
  found["Double/odd NaN"] = raw(11, uint64(0xfff8000000012345n));
  return found;
}

function texts() {
  return {
    "String/empty": scalar(DataType.String, ""), "String/null": raw(12, int32(-1)),
    "String/hostile": scalar(DataType.String, HOSTILE), "String/astral": scalar(DataType.String, "𝄞 😀 é e\u0301 日本"),
    "String/long": scalar(DataType.String, "long ".repeat(14000)),
    "String/lone surrogate": raw(12, counted(Buffer.from([0x61, 0xed, 0xa0, 0x80, 0x62]))),
    "String/latin1": raw(12, counted(Buffer.from("K\u00fchler", "latin1"))),
    "String/line ends": scalar(DataType.String, "a\r\nb\nc\rd"),
    "XmlElement/plain": scalar(DataType.XmlElement, "<a b=\"1\">&amp;</a>"), "XmlElement/null": raw(16, int32(-1)),
    "ByteString/some": scalar(DataType.ByteString, Buffer.from([0, 1, 255, 10, 13])),
    "ByteString/empty": scalar(DataType.ByteString, Buffer.alloc(0)), "ByteString/null": raw(15, int32(-1)),
    "Guid/some": scalar(DataType.Guid, "72962B91-FA75-4AE6-8D28-B404DC7DAF63"),
    "Guid/null": scalar(DataType.Guid, "00000000-0000-0000-0000-000000000000"),
    "LocalizedText/text": scalar(DataType.LocalizedText, new LocalizedText({ text: "Druck" })),
    "LocalizedText/both": scalar(DataType.LocalizedText, new LocalizedText({ locale: "de-DE", text: "Kühler" })),
    "LocalizedText/neither": raw(21, 0), "LocalizedText/locale": raw(21, 1, text("fr")),
    "LocalizedText/empty": raw(21, 2, text("")), "LocalizedText/hostile": scalar(DataType.LocalizedText, new LocalizedText({ locale: "en", text: HOSTILE })),
    "QualifiedName/own": scalar(DataType.QualifiedName, new QualifiedName({ namespaceIndex: 1, name: "a/b;c" })),
    "QualifiedName/zero": scalar(DataType.QualifiedName, new QualifiedName({ namespaceIndex: 0, name: "nsu=x;y" })),
    "QualifiedName/far": scalar(DataType.QualifiedName, new QualifiedName({ namespaceIndex: 999, name: "nobody" })),
    "QualifiedName/null": raw(20, 0, 0, int32(-1)),
  };
}

function stamps() {
  const found = {};
  const moments = { zero: 0n, one: 1n, "1601": 10000000n, "1970": EPOCH_TICKS, ticks: SOURCE_TICKS, "9999": 2650467743999999999n, beyond: 2650467744000000000n, max: MAX_I64, "-1": -1n, min: -(2n ** 63n) };
  for (const [name, ticks] of Object.entries(moments)) found[`DateTime/${name}`] = raw(13, int64(ticks));
  found["StatusCode/Good"] = scalar(DataType.StatusCode, StatusCodes.Good);
  found["StatusCode/Bad"] = scalar(DataType.StatusCode, StatusCodes.BadSensorFailure);
  found["StatusCode/unknown"] = raw(19, uint32(0xdeadbeef));
  return found;
}

function names() {
  const guid = "72962B91-FA75-4AE6-8D28-B404DC7DAF63";
  const ids = {
    numeric: new NodeId(NodeIdType.NUMERIC, 4294967295, 1), two: new NodeId(NodeIdType.NUMERIC, 85, 0),
    string: new NodeId(NodeIdType.STRING, "a;b=c/ \u001b[31m", 1), guid: new NodeId(NodeIdType.GUID, guid, 1),
    opaque: new NodeId(NodeIdType.BYTESTRING, Buffer.from([0, 1, 255, 254]), 1), null: new NodeId(NodeIdType.NUMERIC, 0, 0),
    unknown: new NodeId(NodeIdType.NUMERIC, 5, 999),
  };
  const found = {};
  for (const [name, id] of Object.entries(ids)) found[`NodeId/${name}`] = scalar(DataType.NodeId, id);
  // the stack forgets uri and server when it copies a value
  found["ExpandedNodeId/uri"] = raw(18, 0x83, 0, 0, text("x"), text("urn:elsewhere;%"));
  found["ExpandedNodeId/own uri"] = raw(18, 0x83, 0, 0, text("x"), text("urn:test:plant"));
  found["ExpandedNodeId/server"] = raw(18, 0x41, 1, 7, 0, uint32(3));
  found["ExpandedNodeId/plain"] = scalar(DataType.ExpandedNodeId, new ExpandedNodeId(NodeIdType.GUID, guid, 1));
  return found;
}

function nested() {
  const inner = Buffer.concat([Buffer.from([0x01 | 0x02 | 0x04 | 0x10, 11]), float64(-0), uint32(0x80000000), int64(SOURCE_TICKS), Buffer.from([7, 0])]);
  const diagnostics = Buffer.concat([Buffer.from([0x7f]), int32(1), int32(2), int32(4), int32(3), text("what"), uint32(0x80010000), Buffer.from([0x10]), text("inner")]);
  return {
    "DataValue/full": raw(23, inner), "DataValue/nothing": raw(23, 0),
    "Variant/array": rawArray(24, [Buffer.concat([Buffer.from([6]), int32(-5)]), Buffer.concat([Buffer.from([12]), text("five")]), Buffer.from([0]), Buffer.concat([Buffer.from([0x8b]), int32(1), float64(NaN)])]),
    "DiagnosticInfo/full": raw(25, diagnostics), "DiagnosticInfo/nothing": raw(25, 0),
    "Structure/unknown type": raw(22, 1, 1, ...[uint32(60000).subarray(0, 2)], 1, counted(Buffer.from([1, 2, 3]))),
    "Structure/no body": raw(22, 0, 0, 0), "Structure/xml": raw(22, 1, 1, ...[uint32(60001).subarray(0, 2)], 2, text("<x>1</x>")),
    "Null/null": new Variant({ dataType: DataType.Null }),
  };
}

function arrays() {
  const found = {
    "Boolean[]": array(DataType.Boolean, [true, false, true]), "SByte[]": rawArray(2, [Buffer.from([0x80]), Buffer.from([0x7f])]),
    "Byte[]": rawArray(3, [Buffer.from([0]), Buffer.from([255])]), "Int16[]": array(DataType.Int16, new Int16Array([-32768, 32767])),
    "UInt16[]": array(DataType.UInt16, new Uint16Array([0, 65535])), "Int32[]": array(DataType.Int32, new Int32Array([-2147483648, 0, 2147483647])),
    "UInt32[]": array(DataType.UInt32, new Uint32Array([0, 4294967295])),
    "Int64[]": array(DataType.Int64, [halves(2n ** 63n), halves(2n ** 63n - 1n), halves(2n ** 53n + 1n), [0, 3]]),
    "UInt64[]": array(DataType.UInt64, [halves(2n ** 64n - 1n), [0, 0]]), "UInt64[] small": array(DataType.UInt64, [[0, 1], [0, 2]]),
    "Float[]": array(DataType.Float, new Float32Array([1.5, -0, 1.401298464324817e-45])), "Float[] NaN": rawArray(10, [uint32(0x7fc00000), uint32(0xffc12345), float32(Infinity)]),
    "Double[]": array(DataType.Double, new Float64Array([1.5, -0, 5e-324, Infinity])), "Double[] NaN": array(DataType.Double, new Float64Array([NaN, 1])),
    "String[]": array(DataType.String, ["", "a", HOSTILE, "é"]), "String[] null": rawArray(12, [int32(-1), text("x")]),
    "DateTime[]": rawArray(13, [int64(0n), int64(SOURCE_TICKS), int64(MAX_I64)]), "Guid[]": array(DataType.Guid, ["72962B91-FA75-4AE6-8D28-B404DC7DAF63"]),
    "ByteString[]": array(DataType.ByteString, [Buffer.from([1]), Buffer.alloc(0)]), "StatusCode[]": array(DataType.StatusCode, [StatusCodes.Good, StatusCodes.BadSensorFailure]),
    "LocalizedText[]": array(DataType.LocalizedText, [new LocalizedText({ locale: "de", text: "ja" }), new LocalizedText({ text: "no" })]),
    "NodeId[]": array(DataType.NodeId, [new NodeId(NodeIdType.NUMERIC, 85, 0), new NodeId(NodeIdType.STRING, "x", 1)]),
    "QualifiedName[]": array(DataType.QualifiedName, [new QualifiedName({ namespaceIndex: 1, name: "q" })]),
    "Double[] empty": array(DataType.Double, new Float64Array(0)), "String[] empty": array(DataType.String, []),
    "Double[] null": raw(0x8b, int32(-1)), "String[] of null": raw(0x8c, int32(-1)), "Double[] one": array(DataType.Double, new Float64Array([42])),
    "Double[] long": array(DataType.Double, Float64Array.from({ length: 20000 }, (_, i) => i / 3)),
  };
  const six = [1, 2, 3, 4, 5, 6].map((value) => float64(value));
  found["Double[2,3]"] = new Variant({ dataType: DataType.Double, arrayType: VariantArrayType.Matrix, dimensions: [2, 3], value: new Float64Array([1, 2, 3, 4, 5, 6]) });
  found["Int32[2,2,2]"] = new Variant({ dataType: DataType.Int32, arrayType: VariantArrayType.Matrix, dimensions: [2, 2, 2], value: new Int32Array([1, 2, 3, 4, 5, 6, 7, 8]) });
  found["String[2,2]"] = new Variant({ dataType: DataType.String, arrayType: VariantArrayType.Matrix, dimensions: [2, 2], value: ["a", "b", "c", HOSTILE] });
  found["Double[0,3]"] = rawArray(11, [], [0, 3]);
  found["Double[2,0]"] = rawArray(11, [], [2, 0]);
  found["Double[1,1,1,1]"] = rawArray(11, [float64(9)], [1, 1, 1, 1]);
  found["Double[6] by dimensions"] = rawArray(11, six, [6]);
  found["Double[2,2] wrong"] = rawArray(11, six, [2, 2]);
  found["Boolean[2,2]"] = rawArray(1, [1, 0, 0, 1].map((b) => Buffer.from([b])), [2, 2]);
  return found;
}

const STATUSES = {
  "Bad with value": [StatusCodes.BadSensorFailure, () => scalar(DataType.Double, 1.5)], "Bad without value": [StatusCodes.BadNotConnected, () => null],
  "Waiting": [StatusCodes.BadWaitingForInitialData, () => null], "Uncertain": [StatusCodes.UncertainLastUsableValue, () => scalar(DataType.Int32, 7)],
  "Good null": [StatusCodes.Good, () => null], "Good overload": [StatusCodes.GoodOverload, () => scalar(DataType.Boolean, true)],
};

/** Names ["Scalars", "Double", "NaN"] -> {variant, status, hasSource, pico}. */
export function values() {
  const found = [];
  const good = { status: StatusCodes.Good, sourceMs: SOURCE_MS, pico: 123400000 };
  for (const [name, variant] of Object.entries({ ...numbers(), ...texts(), ...stamps(), ...names(), ...nested() })) {
    found.push({ names: ["Scalars", ...split(name)], variant, ...good });
  }
  for (const [name, variant] of Object.entries(arrays())) found.push({ names: ["Arrays", name], variant, ...good });
  for (const [name, [status, make]] of Object.entries(STATUSES)) {
    found.push({ names: ["Statuses", name], variant: make() ?? new Variant({ dataType: DataType.Null }), ...good, status });
  }
  const one = () => scalar(DataType.Double, 1);
  found.push({ names: ["Stamps", "no source"], variant: one(), status: StatusCodes.Good, sourceMs: null, pico: 0 });
  found.push({ names: ["Stamps", "picoseconds"], variant: one(), status: StatusCodes.Good, sourceMs: SOURCE_MS, pico: 123456780 });
  found.push({ names: ["Stamps", "1601"], variant: one(), status: StatusCodes.Good, sourceMs: Date.UTC(1601, 0, 1, 0, 0, 1), pico: 0 });
  found.push({ names: ["Stamps", "9999"], variant: one(), status: StatusCodes.Good, sourceMs: Date.UTC(9999, 11, 31, 23, 59, 59), pico: 0 });
  found.push({ names: ["Stamps", "9998"], variant: one(), status: StatusCodes.Good, sourceMs: Date.UTC(9998, 0, 1), pico: 300000 });
  found.push({ names: ["Stamps", "1677"], variant: one(), status: StatusCodes.Good, sourceMs: Date.UTC(1677, 0, 1), pico: 0 });
  found.push({ names: ["Stamps", "1970"], variant: one(), status: StatusCodes.Good, sourceMs: 0, pico: 0 });
  found.push({ names: ["Stamps", "tomorrow"], variant: one(), status: StatusCodes.Good, sourceMs: Date.UTC(2199, 0, 1), pico: 0 });
  return found;
}

function split(name) {
  const at = name.indexOf("/");
  return [name.slice(0, at), name.slice(at + 1)];
}

export function dataValue({ variant, status, sourceMs, pico }) {
  const made = new DataValue(null);
  made.value = variant;
  made.statusCode = status;
  made.sourceTimestamp = sourceMs === null ? null : new Date(sourceMs);
  made.sourcePicoseconds = pico;
  return made;
}

export const truthOf = ({ names, variant, status, sourceMs, pico }) => ({
  names,
  variant: bytesOf(variant).toString("hex"),
  status: status.value,
  source_ticks: sourceMs === null ? null : String(BigInt(sourceMs) * 10000n + EPOCH_TICKS + BigInt(Math.floor(pico / 100000))),
  source_pico: Math.floor((pico % 100000) / 10),
});
