// Values that change on a schedule: tick k is due at k * PERIOD_MS since 1970, which is its SourceTimestamp, and
// everything about the value follows from k. So whoever has recorded one can tell whether it is right, and whether the
// one before is missing.
import { StatusCodes } from "node-opcua-status-code";
import { DataType, Variant, VariantArrayType } from "node-opcua-variant";

export const PERIOD_MS = 50;

const halves = (value) => [Number((value >> 32n) & 0xffffffffn), Number(value & 0xffffffffn)];

const KINDS = {
  Counter: (k) => new Variant({ dataType: DataType.Int64, arrayType: VariantArrayType.Scalar, value: halves(BigInt(k) * 1000003n) }),
  Ratio: (k) => new Variant({ dataType: DataType.Double, value: k % 7 === 0 ? NaN : k * 0.1 }),
  Text: (k) => new Variant({ dataType: DataType.String, value: `tick ${k}\u0000\u001b[31m` }),
  Flag: (k) => new Variant({ dataType: DataType.Boolean, value: k % 3 === 0 }),
  Profile: (k) => new Variant({ dataType: DataType.Float, arrayType: VariantArrayType.Array, value: new Float32Array(Array.from({ length: k % 5 }, (_, i) => i + (k % 1000))) }),
  Image: (k) => new Variant({ dataType: DataType.UInt16, arrayType: VariantArrayType.Matrix, dimensions: [2, 2], value: new Uint16Array([k % 65536, 1, 2, 3]) }),
  Moment: (k) => new Variant({ dataType: DataType.DateTime, value: new Date(k * PERIOD_MS) }),
  Anything: (k) => [
    () => new Variant({ dataType: DataType.Int32, value: k % 1000 }), () => new Variant({ dataType: DataType.Double, value: k / 4 }),
    () => new Variant({ dataType: DataType.String, value: String(k) }), () => new Variant({ dataType: DataType.Boolean, value: true }),
    () => new Variant({ dataType: DataType.Int32, arrayType: VariantArrayType.Array, value: new Int32Array([k % 10]) }),
  ][k % 5](),
};
const TYPES = { Counter: "Int64", Ratio: "Double", Text: "String", Flag: "Boolean", Profile: "Float", Image: "UInt16", Moment: "DateTime", Anything: "BaseDataType" };
const RANKS = { Profile: 1, Image: 2, Anything: -2 };

/** Good, but every eleventh value Uncertain and every thirteenth Bad (with a value). */
const statusOf = (k) => (k % 13 === 0 ? StatusCodes.BadSensorFailure : k % 11 === 0 ? StatusCodes.UncertainLastUsableValue : StatusCodes.Good);

export function addChanging(own, root, { history: keepsHistory = false, steady: isSteady = false } = {}) {
  const folder = own.addObject({ componentOf: root, browseName: "Changing", nodeId: "s=Changing" });
  const variables = Object.entries(KINDS).map(([name, make]) => {
    const variable = own.addVariable({
      componentOf: folder, browseName: name, nodeId: `s=Changing.${name}`, dataType: TYPES[name], valueRank: RANKS[name] ?? -1,
      arrayDimensions: RANKS[name] > 0 ? Array(RANKS[name]).fill(0) : null, minimumSamplingInterval: 0,
    });
    variable.verifyVariantCompatibility = () => {}; // it knows no Boolean in a variable that takes anything
    if (keepsHistory) own.addressSpace.installHistoricalDataNode(variable, { maxOnlineValues: 5000 });
    return [variable, make];
  });
  let last = Math.floor(Date.now() / PERIOD_MS) - 1;
  let timer;
  // One tick at a time, also when late: the stack folds what changes twice within a millisecond.
  const step = () => {
    const now = Math.floor(Date.now() / PERIOD_MS);
    if (last < now) {
      last += 1;
      for (const [variable, make] of variables) variable.setValueFromSource(make(last), isSteady ? StatusCodes.Good : statusOf(last), new Date(last * PERIOD_MS));
    }
    timer = setTimeout(step, last < now ? 5 : PERIOD_MS / 2);
  };
  step();
  return () => clearTimeout(timer);
}
