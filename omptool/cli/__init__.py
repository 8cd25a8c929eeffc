"""One thin file per command: parse, call, render. The only folder that prints, exits, catches all and runs asyncio."""
