// An OPC UA server on a stack that is not ours, as odd as real plants are: every type at its edges, structures, names
// that break tools, circles. Prints one JSON line with its url and the truth about its nodes; ends with its stdin.
//
// Options as one JSON argument:
//   limits      at most so many operations in a request, references in an answer, items in a call; few sessions
//   companions  the companion specifications DI, Machinery, MachineTool, PackML and Robotics with instances, and
//               nothing of the odd plant
//   history     the values below Changing have one, and the server computes aggregates
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { addAggregateSupport } from "node-opcua-aggregates";
import { OPCUACertificateManager } from "node-opcua-certificate-manager";
import { nodesets } from "node-opcua-nodesets";
import { MessageSecurityMode, SecurityPolicy } from "node-opcua-secure-channel";
import { OPCUAServer, Subscription } from "node-opcua-server";
import { endWithStdin, freePort, run } from "./lifetime.mjs";
import { addChanging, PERIOD_MS } from "./plant_changing.mjs";
import { addMachines } from "./plant_machines.mjs";
import { addNames, idText } from "./plant_names.mjs";
import { enumerationsOf, structuresOf } from "./plant_types.mjs";
import { bytesOf, dataValue, truthOf, values } from "./plant_values.mjs";

const HERE = import.meta.dirname;
const options = JSON.parse(process.argv[2] ?? "{}");

/** Folders by their names below the root, made when first needed. */
function folders(own, root) {
  const made = new Map([["", root]]);
  const folderOf = (names) => {
    const key = names.join("/");
    if (!made.has(key)) {
      made.set(key, own.addObject({ componentOf: folderOf(names.slice(0, -1)), browseName: names.at(-1), nodeId: `s=${key}` }));
    }
    return made.get(key);
  };
  return folderOf;
}

function addValues(own, folderOf) {
  return values().map((value) => {
    const made = own.addVariable({
      componentOf: folderOf(value.names.slice(0, -1)), browseName: value.names.at(-1), nodeId: `s=${value.names.join("/")}`,
      dataType: "BaseDataType", valueRank: -2, minimumSamplingInterval: 100,
    });
    const given = dataValue(value);
    made.verifyVariantCompatibility = () => {}; // the point of these values is that they are odd
    made.bindVariable({ timestamped_get: () => given.clone() }, true);
    return { nodeId: made.nodeId, ...truthOf(value) };
  });
}

function addTyped(space, own, folderOf) {
  return [...structuresOf(space), ...enumerationsOf(space, own)].map(({ names, dataType, rank, variant, plain }) => {
    const made = own.addVariable({
      componentOf: folderOf(names.slice(0, -1)), browseName: names.at(-1), nodeId: `s=${names.join("/")}`, dataType: dataType.nodeId, valueRank: rank,
      arrayDimensions: rank > 0 ? Array(rank).fill(0) : null, value: variant,
    });
    return { nodeId: made.nodeId, names, variant: bytesOf(variant).toString("hex"), plain };
  });
}

function addOddPlant(space) {
  const own = space.getOwnNamespace();
  const root = own.addObject({ organizedBy: space.rootFolder.objects, browseName: "Plant", nodeId: "s=Plant" });
  const folderOf = folders(own, root);
  const truth = { values: addValues(own, folderOf), typed: addTyped(space, own, folderOf), names: addNames(space, root), period_ms: PERIOD_MS };
  return [truth, addChanging(own, root, options)];
}

function limitsOf(limit) {
  if (!limit) return { maxSessions: 50, minSupportedSampleRate: 0 };
  const operationLimits = Object.fromEntries(
    ["maxNodesPerRead", "maxNodesPerBrowse", "maxMonitoredItemsPerCall", "maxNodesPerTranslateBrowsePathsToNodeIds"].map((name) => [name, limit]),
  );
  return { minSupportedSampleRate: 0, maxSessions: 3, maxSubscriptions: 4, maxSubscriptionsPerSession: 2, maxBrowseContinuationPoints: limit, maxMonitoredItemsPerSubscription: 400, operationLimits };
}

const COMPANIONS = ["di", "ia", "isa95JobControl", "machinery", "machineryJobs", "machineTool", "packML", "robotics"];

async function main() {
  if (options.lifetime_ms) Subscription.minimumLifetimeDuration = options.lifetime_ms;
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "omptool-plant-"));
  const pki = (name) => new OPCUACertificateManager({ rootFolder: path.join(home, name), automaticallyAcceptUnknownCertificate: true });
  const port = await freePort();
  const extra = options.companions ? COMPANIONS.map((name) => nodesets[name]) : [path.join(HERE, "plant_types.NodeSet2.xml")];
  const server = new OPCUAServer({
    port, host: "127.0.0.1", hostname: "127.0.0.1", nodeset_filename: [nodesets.standard, ...extra],
    securityModes: [MessageSecurityMode.None], securityPolicies: [SecurityPolicy.None],
    serverInfo: { applicationUri: "urn:test:plant", productUri: "urn:test:plant:product" },
    buildInfo: { productName: "Plant", manufacturerName: "Somebody else" },
    serverCertificateManager: pki("own"), userCertificateManager: pki("users"),
    maxConnectionsPerEndpoint: 50, serverCapabilities: limitsOf(options.limits),
    allowAnonymousSubscriptionTransferOnUnsecuredChannel: options.transfers === true,
  });
  await server.initialize();
  const space = server.engine.addressSpace;
  if (options.history) addAggregateSupport(space);
  const [truth, stopChanging] = options.companions ? [addMachines(space), () => {}] : addOddPlant(space);
  await server.start();
  const uris = space.getNamespaceArray().map((namespace) => namespace.namespaceUri);
  const named = (key, value) => (key === "nodeId" ? undefined : value);
  for (const list of Object.values(truth)) {
    if (Array.isArray(list)) for (const row of list) row.node_id = idText(row.nodeId, uris);
  }
  process.stdout.write(`${JSON.stringify({ url: `opc.tcp://127.0.0.1:${port}`, truth }, named)}\n`);
  endWithStdin(server, home, stopChanging);
}

run(main);
