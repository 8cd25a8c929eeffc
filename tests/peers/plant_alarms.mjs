// An OPC UA server on a stack that is not ours, with alarms and events: a level that runs up and down through the limits
// of an alarm, and an event of its own type at every turn. Prints one JSON line with its url; ends with its stdin.
//
// Options as one JSON argument:
//   period_ms   between two steps of the level
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { OPCUACertificateManager } from "node-opcua-certificate-manager";
import { nodesets } from "node-opcua-nodesets";
import { MessageSecurityMode, SecurityPolicy } from "node-opcua-secure-channel";
import { OPCUAServer } from "node-opcua-server";
import { DataType, Variant } from "node-opcua-variant";
import { endWithStdin, freePort, run } from "./lifetime.mjs";

const options = JSON.parse(process.argv[2] ?? "{}");
const LEVELS = [50, 85, 95, 85, 50];

function addTank(space) {
  const own = space.getOwnNamespace();
  space.installAlarmsAndConditionsService();
  const tank = own.addObject({ organizedBy: space.rootFolder.objects, browseName: "Tank", nodeId: "s=Tank", eventNotifier: 1, notifierOf: space.rootFolder.objects.server });
  const level = own.addAnalogDataItem({
    componentOf: tank, browseName: "Level", nodeId: "s=Level", dataType: "Double", engineeringUnitsRange: { low: 0, high: 200 },
    eventSourceOf: tank, value: new Variant({ dataType: DataType.Double, value: LEVELS[0] }),
  });
  const count = own.addVariable({
    componentOf: tank, browseName: "Count", nodeId: "s=Count", dataType: "Double", value: new Variant({ dataType: DataType.Double, value: 0 }),
  });
  const alarm = own.instantiateExclusiveLimitAlarm("ExclusiveLimitAlarmType", {
    componentOf: tank, conditionSource: level, browseName: "LevelAlarm", nodeId: "s=LevelAlarm", conditionName: "Level too high",
    inputNode: level, highHighLimit: 90, highLimit: 80, lowLimit: 10, lowLowLimit: 5, optionals: ["ConfirmedState", "Confirm"],
  });
  const turn = own.addEventType({ browseName: "TurnEventType", subtypeOf: "BaseEventType", nodeId: "s=TurnEventType" });
  own.addVariable({ propertyOf: turn, browseName: "Turn", nodeId: "s=TurnEventType.Turn", dataType: "UInt32", typeDefinition: "PropertyType", modellingRule: "Mandatory" });
  let step = 0;
  const timer = setInterval(() => {
    step += 1;
    level.setValueFromSource(new Variant({ dataType: DataType.Double, value: LEVELS[step % LEVELS.length] }));
    count.setValueFromSource(new Variant({ dataType: DataType.Double, value: step }));
    if (step % LEVELS.length === 0) {
      tank.raiseEvent(turn, {
        sourceNode: { dataType: DataType.NodeId, value: level.nodeId }, sourceName: { dataType: DataType.String, value: "Level" },
        message: { dataType: DataType.LocalizedText, value: { locale: "en", text: `turn ${step / LEVELS.length}` } },
        severity: { dataType: DataType.UInt16, value: 100 }, turn: { dataType: DataType.UInt32, value: step / LEVELS.length },
      });
    }
  }, options.period_ms ?? 100);
  return { alarm, stop: () => clearInterval(timer) };
}

async function main() {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "omptool-alarms-"));
  const pki = (name) => new OPCUACertificateManager({ rootFolder: path.join(home, name), automaticallyAcceptUnknownCertificate: true });
  const port = await freePort();
  const server = new OPCUAServer({
    port, host: "127.0.0.1", hostname: "127.0.0.1", nodeset_filename: [nodesets.standard],
    securityModes: [MessageSecurityMode.None], securityPolicies: [SecurityPolicy.None],
    serverInfo: { applicationUri: "urn:test:alarms", productUri: "urn:test:alarms:product" },
    serverCertificateManager: pki("own"), userCertificateManager: pki("users"), maxConnectionsPerEndpoint: 50,
    serverCapabilities: { maxSessions: 20, minSupportedSampleRate: 10 },
  });
  await server.initialize();
  const { stop } = addTank(server.engine.addressSpace);
  await server.start();
  process.stdout.write(`${JSON.stringify({ url: `opc.tcp://127.0.0.1:${port}` })}\n`);
  endWithStdin(server, home, stop);
}

run(main);
