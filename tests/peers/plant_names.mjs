// Names and NodeIds that break tools, nodes of the same name, circles and a deep shaft.
import { QualifiedName } from "node-opcua-data-model";
import { NodeId, NodeIdType } from "node-opcua-nodeid";
import { DataType, Variant } from "node-opcua-variant";
import { HOSTILE } from "./plant_values.mjs";

export const NAMES_URI = "urn:test:plant;names=%3B/é";

const GUIDS = ["72962B91-FA75-4AE6-8D28-B404DC7DAF63", "00000000-0000-0000-0000-000000000001"];
const HARD = [
  "a/b", "a&b", "&", "/", "&/", "//", ".", "..", "a.b.c", ";", "=", "\"quoted\"", "'", "<b>bold</b>", ">", "%", "%2F", "%s%d",
  "[default]", "[default]Line/Tag", "a*b", "?", "{a,b}", "**", "a**", "x,y", "\\", "\\n", "#", "!x", "@x", "-x", "--select", "=SUM(A1)",
  "+1", " ", " lead", "trail ", "tab\there", "line\nbreak", "\u0000", "\u001b[31mred", "\u202egnp.exe", "\ufeffbom", "日本語", "e\u0301", "\u00e9", "😀",
  "ns=1;i=5", "nsu=urn:x;y", "i=85", "1:x", "NaN", "null", "true", "", "\u0085", "\u2028", HOSTILE, "n".repeat(2000),
];

export function nodeIds(ns) {
  return {
    "g 1": new NodeId(NodeIdType.GUID, GUIDS[0], ns), "g 2": new NodeId(NodeIdType.GUID, GUIDS[1], ns),
    "b 1": new NodeId(NodeIdType.BYTESTRING, Buffer.from([0, 255, 254, 61, 59]), ns), "b 2": new NodeId(NodeIdType.BYTESTRING, Buffer.alloc(64, 0xfb), ns),
    "b zero": new NodeId(NodeIdType.BYTESTRING, Buffer.from([0]), ns), "i largest": new NodeId(NodeIdType.NUMERIC, 4294967295, ns),
    "s odd": new NodeId(NodeIdType.STRING, `"a";b=c/d&%3B ${HOSTILE}`, ns), "s number": new NodeId(NodeIdType.STRING, "5", ns),
    "s space": new NodeId(NodeIdType.STRING, " ", ns), "s like another": new NodeId(NodeIdType.STRING, "nsu=urn:x;i=5", ns),
    "s long": new NodeId(NodeIdType.STRING, "k".repeat(4000), ns), "s unicode": new NodeId(NodeIdType.STRING, "日本/😀", ns),
  };
}

/** Text of a NodeId as CONTRACT C1 has it, written down here a second time on purpose. */
export function idText(nodeId, uris) {
  const uri = uris[nodeId.namespace];
  const prefix = nodeId.namespace ? `nsu=${uri.replaceAll("%", "%25").replaceAll(";", "%3B")};` : "";
  switch (nodeId.identifierType) {
    case NodeIdType.NUMERIC: return `${prefix}i=${nodeId.value}`;
    case NodeIdType.STRING: return `${prefix}s=${nodeId.value}`;
    case NodeIdType.GUID: return `${prefix}g=${nodeId.value.toLowerCase()}`;
    default: return `${prefix}b=${nodeId.value.toString("base64")}`;
  }
}

/** Adds the nodes below `root`; returns [{names, nodeId, value}]. */
export function addNames(space, root) {
  const namespace = space.registerNamespace(NAMES_URI);
  const ns = namespace.index;
  const found = [];
  let count = 0;
  const value = () => new Variant({ dataType: DataType.Int32, value: ++count });
  const variable = (parent, names, nodeId = new NodeId(NodeIdType.NUMERIC, 10000 + count, ns)) => {
    const made = namespace.addVariable({ componentOf: parent, browseName: "placeholder", nodeId, dataType: "Int32", value: value() });
    made.browseName = new QualifiedName(null);
    made.browseName.namespaceIndex = ns;
    made.browseName.name = names.at(-1);
    found.push({ names, nodeId: made.nodeId, value: count });
    return made;
  };
  const folder = (parent, browseName, nodeId) => namespace.addObject({ componentOf: parent, browseName, nodeId });
  const names = folder(root, "Names", "s=Names");
  for (const name of HARD) variable(names, ["Names", name]);
  const ids = folder(root, "NodeIds", "s=NodeIds");
  for (const [name, nodeId] of Object.entries(nodeIds(ns))) variable(ids, ["NodeIds", name], nodeId);
  const twins = folder(root, "Twins", "s=Twins");
  for (let index = 0; index < 3; index++) variable(twins, ["Twins", "same"]);
  addCircles(folder, variable, root);
  addShaft(folder, variable, root, found);
  return found;
}

function addCircles(folder, variable, root) {
  const first = folder(root, "Circles", "s=Circles");
  const second = folder(first, "Second", "s=Circles.Second");
  const third = folder(second, "Third", "s=Circles.Third");
  variable(third, ["Circles", "Second", "Third", "value"]);
  third.addReference({ referenceType: "Organizes", nodeId: first });
  third.addReference({ referenceType: "HasComponent", nodeId: second });
  first.addReference({ referenceType: "Organizes", nodeId: first });
  third.addReference({ referenceType: "Organizes", nodeId: "i=85" });
}

function addShaft(folder, variable, root) {
  const names = ["Deep"];
  let here = folder(root, "Deep", "s=Deep");
  for (let level = 1; level <= 60; level++) {
    names.push(`Level${level}`);
    here = folder(here, `Level${level}`, `s=Deep.${level}`);
  }
  variable(here, [...names, "value"]);
}
