// Variables of the DataTypes in plant_types.NodeSet2.xml, and enumerations described in each of the three ways that
// servers have. Beside each value stands what a person would call it.
import { LocalizedText, QualifiedName } from "node-opcua-data-model";
import { ExpandedNodeId, NodeId, NodeIdType } from "node-opcua-nodeid";
import { StatusCodes } from "node-opcua-status-code";
import { DataType, Variant, VariantArrayType } from "node-opcua-variant";
import { HOSTILE, SOURCE_MS } from "./plant_values.mjs";

export const TYPES_URI = "urn:test:plant:types";
const GUID = "72962B91-FA75-4AE6-8D28-B404DC7DAF63";

const structure = (value) => new Variant({ dataType: DataType.ExtensionObject, value });
const structures = (value) => new Variant({ dataType: DataType.ExtensionObject, arrayType: VariantArrayType.Array, value });
const int32 = (value) => new Variant({ dataType: DataType.Int32, value });
const matrix = (value, dimensions) =>
  new Variant({ dataType: DataType.ExtensionObject, arrayType: VariantArrayType.Matrix, dimensions, value });

/** [names, DataType node, value rank, Variant, plain value]. */
export function structuresOf(space) {
  const ns = space.getNamespaceIndex(TYPES_URI);
  const type = (name) => space.findDataType(name, ns);
  const make = (name, value) => space.constructExtensionObject(type(name), value);
  const a = { x: 1.5, y: -2.25, z: -7 }, b = { x: -0, y: 0.5, z: 32767 };
  const segment = { from: a, to: b, label: HOSTILE };
  const parts = {
    all: { id: 7, class: "gear", width: 2.5, tags: ["a", "", "é"] }, some: { id: 8, width: 0 }, none: { id: 9 },
    class: { id: 10, class: "" },
  };
  const choices = { number: { number: 4.5 }, text: { text: "t" }, point: { point: a } };
  const tree = { name: "root", children: [{ name: "left", children: [] }, { name: "right", children: [{ name: "leaf", children: [] }] }] };
  const everything = {
    flag: true, big: [0xffffffff, 0xffffffff], stamp: new Date(SOURCE_MS), guid: GUID, bytes: Buffer.from([1, 2, 255]),
    name: new LocalizedText({ locale: "de", text: "Kühler" }), node: new NodeId(NodeIdType.STRING, "a;b", 1),
    far: new ExpandedNodeId(NodeIdType.STRING, "x", 0, "urn:elsewhere", 0), mode: 5, list: [1, -1], points: [a, b],
    any: new Variant({ dataType: DataType.Double, value: -Infinity }), status: StatusCodes.BadSensorFailure,
    title: new QualifiedName({ namespaceIndex: 1, name: "q" }), choice: { text: "chosen" }, part: { id: 1, class: "inner" },
  };
  const rows = [
    [["Point"], "Point", -1, structure(make("Point", a)), a],
    [["Segment"], "Segment", -1, structure(make("Segment", segment)), segment],
    [["Points"], "Point", 1, structures([make("Point", a), make("Point", b)]), [a, b]],
    [["No points"], "Point", 1, structures([]), []],
    [["Grid"], "Point", 2, matrix([a, b, b, a].map((p) => make("Point", p)), [2, 2]), [[a, b], [b, a]]],
    [["Tree"], "Tree", -1, structure(make("Tree", tree)), tree],
    [["Weighted"], "WeightedPoint", -1, structure(make("WeightedPoint", { ...a, weight: 3 })), { ...a, weight: 3 }],
    [["Weighted as Point"], "Point", -1, structure(make("WeightedPoint", { ...a, weight: 3 })), { ...a, weight: 3 }],
    [["Everything"], "Everything", -1, structure(make("Everything", everything)), null],
  ];
  for (const [name, part] of Object.entries(parts)) rows.push([["Part", name], "Part", -1, structure(make("Part", part)), part]);
  for (const [name, choice] of Object.entries(choices)) rows.push([["Choice", name], "Choice", -1, structure(make("Choice", choice)), choice]);
  rows.push([["Parts"], "Part", 1, structures(Object.values(parts).map((part) => make("Part", part))), Object.values(parts)]);
  return rows.map(([names, name, rank, variant, plain]) => ({ names: ["Structures", ...names], dataType: type(name), rank, variant, plain }));
}

/** Enumerations by EnumStrings, EnumValues and EnumDefinition, and a set of flags. */
export function enumerationsOf(space, own) {
  const ns = space.getNamespaceIndex(TYPES_URI);
  const strings = own.addEnumerationType({ browseName: "ByStrings", enumeration: ["Off", "On", "Unknown <b>"] });
  const valued = own.addEnumerationType({
    browseName: "ByValues",
    enumeration: [{ displayName: "Idle", value: 3 }, { displayName: "Running", value: 10 }, { displayName: "Held\u001b[31m", value: 20 }],
  });
  const mode = space.findDataType("DriveMode", ns), flags = space.findDataType("DriveFlags", ns);
  const several = (values) => new Variant({ dataType: DataType.Int32, arrayType: VariantArrayType.Array, value: new Int32Array(values) });
  const rows = [
    [["ByStrings"], strings, -1, int32(1), "On"], [["ByStrings hostile"], strings, -1, int32(2), "Unknown <b>"],
    [["ByStrings unknown"], strings, -1, int32(99), null], [["ByValues"], valued, -1, int32(10), "Running"],
    [["ByDefinition"], mode, -1, int32(5), "Automatic"], [["ByDefinition negative"], mode, -1, int32(-1), "Unknown"],
    [["ByDefinition largest"], mode, -1, int32(2147483647), "Most <&> =SUM(A1)"],
    [["ByDefinition array"], mode, 1, several([0, 5, 77]), null],
    [["Flags"], flags, -1, new Variant({ dataType: DataType.UInt16, value: 0x8003 }), null],
  ];
  return rows.map(([names, dataType, rank, variant, plain]) => ({ names: ["Enumerations", ...names], dataType, rank, variant, plain }));
}
