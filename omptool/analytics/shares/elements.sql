/* omptool
[table.aust]
about = "actual unit setup time, s"
globs = ["asut"]
required = false
[table.adet]
about = "actual unit delay time, s"
required = false
[table.adot]
about = "actual unit down time, s"
required = false
[table.sq]
about = "scrap quantity"
required = false
[table.rq]
about = "rework quantity"
required = false
*/
