// Loads a NodeSet2 file on top of the standard one and prints what node-opcua then has of it, as one JSON line.
//
// One JSON argument: {"file": path}. A row per node of the file's namespaces: its NodeId, names and parent.
import { AddressSpace } from "node-opcua-address-space";
import { generateAddressSpace } from "node-opcua-address-space/nodeJS.js";
import { NodeClass } from "node-opcua-data-model";
import { nodesets } from "node-opcua-nodesets";
import { idText } from "./plant_names.mjs";

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
      unit: value?.unitId === undefined ? null : value.displayName.text, high: value?.high ?? null,
    });
  }
}
process.stdout.write(`${JSON.stringify({ url: "", uris, rows })}\n`);
space.dispose();
