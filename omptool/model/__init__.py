"""The field's words as pure types. Opens nothing, awaits nothing, reads no clock."""
