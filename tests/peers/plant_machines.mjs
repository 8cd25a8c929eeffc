// Instances of companion specifications, as little as each demands.
export function addMachines() {
  return {};
}
