"""The report: results of recipes as sections of one page, with charts as data. Pure but for asking the engine."""
