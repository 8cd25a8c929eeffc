// Loads a NodeSet2 file on top of the standard one and prints what node-opcua then has of it, as one JSON line.
//
// One JSON argument: {"file": path}. A row per node of the file's namespaces: its NodeId, names and parent, by which
// references it hangs below others, and of a DataType the fields of its definition.
import { AddressSpace } from "node-opcua-address-space";
import { generateAddressSpace } from "node-opcua-address-space/nodeJS.js";
import { BrowseDirection, NodeClass } from "node-opcua-data-model";
import { nodesets } from "node-opcua-nodesets";
import { idText } from "./plant_names.mjs";

function fieldsOf(node, uris) {
  if (!node.isStructure() && !node.isEnumeration() && !node.isOptionSet?.()) return [];
  return (node.getDefinition().fields ?? []).map((one) => [one.name, one.dataType ? idText(one.dataType, uris) : null, one.value ? Number(one.value[1]) : null]);
}

const { file } = JSON.parse(process.argv[2]);
const space = AddressSpace.create();
await generateAddressSpace(space, [nodesets.standard, file]);
const namespaces = space.getNamespaceArray();
const uris = namespaces.map((namespace) => namespace.namespaceUri);
const rows = [];
for (const namespace of namespaces.slice(1)) {
  for (const node of namespace.nodeIterator()) {
    const value = node.nodeClass === NodeClass.Variable ? node.readValue().value.value : null;
    rows.push({
      node_id: idText(node.nodeId, uris), node_class: NodeClass[node.nodeClass], name: node.browseName.name,
      uri: uris[node.browseName.namespaceIndex], parent: node.parentNodeId ? idText(node.parentNodeId, uris) : null,
      links: node.findReferencesEx("HierarchicalReferences", BrowseDirection.Inverse).map((one) => [idText(one.referenceType, uris), idText(one.nodeId, uris)]),
      fields: node.nodeClass === NodeClass.DataType ? fieldsOf(node, uris) : null,
      unit: value?.unitId === undefined ? null : value.displayName.text, high: value?.high ?? null,
    });
  }
}
process.stdout.write(`${JSON.stringify({ url: "", uris, rows })}\n`);
space.dispose();
