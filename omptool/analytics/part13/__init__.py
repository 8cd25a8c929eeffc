"""The 37 standard aggregates of OPC 10000-13 over the raw values of one Variable. Pure: arrays in, arrays out."""
