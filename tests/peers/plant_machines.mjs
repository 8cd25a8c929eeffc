// Instances of companion specifications: a machine tool and a press by Machinery, a packaging unit by PackML below one
// of them, a robot in DI's DeviceSet.
import { DataType } from "node-opcua-variant";
import { idText } from "./plant_names.mjs";

const BASE = "http://opcfoundation.org/UA/";

export function addMachines(space) {
  const own = space.getOwnNamespace();
  const uris = space.getNamespaceArray().map((namespace) => namespace.namespaceUri);
  const index = (name) => space.getNamespaceIndex(`${BASE}${name}/`);
  const hall = own.addFolder(space.rootFolder.objects, { browseName: "Hall2", nodeId: "s=Hall2" });
  const machinesFolder = space.findNode(`ns=${index("Machinery")};i=1001`);
  const deviceSet = space.findNode(`ns=${index("DI")};i=5001`);
  const text = (parent, name, value) => parent.getPropertyByName(name)?.setValueFromSource({ dataType: DataType.LocalizedText, value: { text: value } });

  const tool = space.findObjectType("MachineToolType", index("MachineTool")).instantiate({
    browseName: "Mill4", nodeId: "s=Mill4", organizedBy: machinesFolder,
  });
  const identified = (browseName, parent) => {
    const machine = own.addObject({ browseName, nodeId: `s=${browseName}`, componentOf: parent });
    const identification = space.findObjectType("MachineIdentificationType", index("Machinery")).instantiate({
      browseName: { name: "Identification", namespaceIndex: index("DI") }, nodeId: `s=${browseName}.Identification`,
    });
    machine.addReference({ referenceType: "HasAddIn", nodeId: identification });
    text(identification, "Manufacturer", "Somebody else");
    own.addVariable({ componentOf: machine, browseName: "Speed", nodeId: `s=${browseName}.Speed`, dataType: "Double", value: { dataType: DataType.Double, value: 12.5 } });
    return machine;
  };
  const press = identified("Press7", hall);
  machinesFolder.addReference({ referenceType: "Organizes", nodeId: press });
  const loader = identified("Loader", hall); // by its identification alone
  const packer = space.findObjectType("PackMLBaseObjectType", index("PackML")).instantiate({
    browseName: "Packer", nodeId: "s=Packer", componentOf: loader,
  });
  const robot = space.findObjectType("MotionDeviceSystemType", index("Robotics")).instantiate({
    browseName: "Robot1", nodeId: "s=Robot1", organizedBy: deviceSet,
  });
  const named = (machine) => idText(machine.nodeId, uris);
  return { machines: { tool: named(tool), press: named(press), loader: named(loader), packer: named(packer), robot: named(robot) } };
}
