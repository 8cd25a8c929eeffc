/* omptool
title = "Process capability: Cp, Cpk, Cpm, Pp, Ppk"
about = "Whether a process can hold its specification limits; limits are parameters, or [[spec]] of plant.toml."
formula = [
  "Cp = (usl - lsl) / (6 s), Cpl = (mean - lsl) / (3 s), Cpu = (usl - mean) / (3 s), Cpk = min(Cpl, Cpu), s = sd_within",
  "Cpm = Cp / sqrt(1 + ((mean - target) / s)^2); Pp, Ppl, Ppu, Ppk: the same with s = sd_overall",
  "sd_within = mean of R / d2(n) or s / c4(n) of subgroups, of single values mean moving range / d2(2)",
  "confidence: Cp * sqrt(chi2(v) / v); Cpk ± z * sqrt(1 / (9 n) + Cpk^2 / (2 v)) (Bissell); Cpm as Cp, v of Boyles",
  "v: degrees of freedom of a standard deviation as uncertain as sd_within (pooled: n - subgroups); freedom = n-1: always n - 1",
]
source = "as SAS/QC and R (qcc, qcr) document it; intervals as they name them: Cp Chou, Owen and Borrego 1990 (page 224, as in SAS/QC's sample CPCON), Cpk Bissell 1990, Cpm Boyles 1991, approximate; held against qcc and NIST StRD"
evidence = "published value"
picture = "histogram"
share = ["measured", "own", "subgrouped", "seen"]
finish = "capability"

[parameters.lsl]
type = "float"
about = "lower specification limit; without it, one-sided"
[parameters.usl]
type = "float"
about = "upper specification limit; without it, one-sided"
[parameters.target]
type = "float"
about = "what values should be; default: the middle of both limits"
[parameters.confidence]
type = "float"
about = "of the intervals"
default = 0.95
[parameters.freedom]
type = "text"
about = "of the intervals: sigma, by how sd_within was found, or n-1, as qcc has it"
default = "sigma"

[columns.start]
about = "of the window"
[columns.end]
about = "of the window"
[columns.n]
about = "values"
[columns.subgroups]
about = "subgroups; null when there are none"
[columns.mean]
about = "of all values"
[columns.sd_within]
about = "standard deviation within subgroups, or from one value to the next"
[columns.sd_overall]
about = "standard deviation (n - 1) of all values"
[columns.lsl]
about = "lower specification limit"
[columns.target]
about = "what values should be"
[columns.usl]
about = "upper specification limit"
[columns.cp]
about = "how often 6 sd_within fit between the limits; null with one limit"
[columns.cp_low]
about = "lower end of its interval"
[columns.cp_high]
about = "upper end of its interval"
[columns.cpl]
about = "the same of the lower half"
[columns.cpu]
about = "the same of the upper half"
[columns.cpk]
about = "the smaller of both, or the one there is"
[columns.cpk_low]
about = "lower end of its interval"
[columns.cpk_high]
about = "upper end of its interval"
[columns.cpm]
about = "Cp that counts the distance from the target"
[columns.cpm_low]
about = "lower end of its interval"
[columns.cpm_high]
about = "upper end of its interval"
[columns.pp]
about = "Cp with sd_overall"
[columns.pp_low]
about = "lower end of its interval"
[columns.pp_high]
about = "upper end of its interval"
[columns.ppl]
about = "Cpl with sd_overall"
[columns.ppu]
about = "Cpu with sd_overall"
[columns.ppk]
about = "Cpk with sd_overall"
[columns.ppk_low]
about = "lower end of its interval"
[columns.ppk_high]
about = "upper end of its interval"
[columns.below_lsl]
unit = "%"
about = "values below the lower limit"
[columns.above_usl]
unit = "%"
about = "values above the upper limit"
[columns.confidence]
unit = "1"
about = "of the intervals"
[columns.constants]
about = "constants used"
*/
