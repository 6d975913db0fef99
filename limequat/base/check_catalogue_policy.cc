// The checks of policies themselves.

#include "limequat/base/check_catalogue_internal.h"

namespace limequat {

namespace {

constexpr CheckEntry kPolicy[] = {
    {.check = "policy.unevaluated",
     .cause = Cause::kConfiguration,
     .meaning = "The policy asks for something that this version cannot evaluate.",
     .causes = "A reference state of measured boot with members that no rule looks at.",
     .advice = "Use a version that evaluates it, or take the member out of the policy if it is "
               "not needed.",
     .next = "limequat policy check POLICY"},
    {.check = "policy.signature.present",
     .cause = Cause::kConfiguration,
     .meaning = "A policy that must be signed is not signed.",
     .causes = "A plain policy was given where a key is configured or named; the wrong file.",
     .advice = "Sign the policy (`limequat policy sign`), or find out who replaced the signed "
               "one.",
     .next = "limequat policy sign POLICY"},
    {.check = "policy.signature.payload_type",
     .cause = Cause::kConfiguration,
     .meaning = "The envelope does not hold what is expected in it.",
     .causes = "An envelope of another tool, or something else that was signed with the same key.",
     .advice = "Give the envelope of the policy. `limequat policy check-signature "
               "--payload-type` names other types.",
     .next = "limequat policy check-signature ENVELOPE --key KEY"},
    {.check = "policy.signature.threshold",
     .cause = Cause::kTamper,
     .meaning = "Not enough of the trusted keys have signed the policy.",
     .causes = "The policy was changed after it was signed; it was signed with another key, or "
               "by too few; a certificate that leads to no given root, is expired or is for "
               "another use; no key was given at all. A key counts once, however often it signed.",
     .advice = "Read the detail: it says of each signature why it does not count. Ask the "
               "signers, over another way than the one the policy came; never take the key out "
               "of the envelope.",
     .next = "limequat policy check-signature ENVELOPE --key KEY"},
    {.check = "policy.check.schema",
     .cause = Cause::kConfiguration,
     .meaning = "The file is not a runtime policy of version 1.",
     .causes = "An allow-list or a policy of an older version; a damaged or incomplete file.",
     .advice = "`limequat policy convert` makes a policy of older forms. Otherwise repair what "
               "the detail names.",
     .next = "limequat policy convert FILE"},
    {.check = "policy.check.members",
     .cause = Cause::kConfiguration,
     .meaning = "The policy has members that nobody evaluates.",
     .causes = "A misspelt name, as `exclude` for `excludes`: what it holds has no effect.",
     .advice = "Correct the name, or take the member out.",
     .next = "limequat policy check POLICY"},
    {.check = "policy.check.digests",
     .cause = Cause::kConfiguration,
     .meaning = "Digests of the policy are not 40 to 128 lower-case hexadecimal digits.",
     .causes = "Digests with their algorithm in front, in upper case, or cut.",
     .advice = "`limequat policy convert` repairs the first two. Make cut ones anew.",
     .next = "limequat policy convert FILE"},
    {.check = "policy.check.weak_digests",
     .cause = Cause::kConfiguration,
     .meaning = "Paths of the policy have only SHA-1 digests.",
     .causes = "A policy made of a list of an old kernel. Two files with the same SHA-1 digest "
               "can be made.",
     .advice = "Make the policy with `--hash sha256`, and let the kernel measure with it "
               "(`ima_hash=sha256`).",
     .next = "limequat policy check POLICY"},
    {.check = "policy.check.repeated",
     .cause = Cause::kConfiguration,
     .meaning = "The policy lists something twice.",
     .causes = "Policies that were joined by hand.",
     .advice = "`limequat policy merge` with this one policy writes each once.",
     .next = "limequat policy merge POLICY"},
    {.check = "policy.check.excludes",
     .cause = Cause::kConfiguration,
     .meaning = "Exclude expressions of the policy are invalid, or take too long.",
     .causes = "A shell pattern instead of a regular expression; nested repetitions.",
     .advice = "Correct the expression the detail names: Python's syntax, from the beginning of "
               "the path.",
     .next = "limequat policy check POLICY"},
    {.check = "policy.check.exclude_all",
     .cause = Cause::kConfiguration,
     .meaning = "An exclude expression of the policy leaves no place where programs lie.",
     .causes = "An expression such as `.*`, `/`, `/[^/]+/` or the empty one: a machine may then "
               "run anything.",
     .advice = "Exclude the folders that change and hold no programs, one by one.",
     .next = "limequat policy check POLICY"},
    {.check = "policy.check.exclude_programs",
     .cause = Cause::kConfiguration,
     .meaning = "An exclude expression of the policy matches a whole folder of programs.",
     .causes = "`/usr` where `/usr/share/doc/.*` was meant; expressions match from the beginning "
               "of a path, not to its end.",
     .advice = "Make the expression narrower; list the programs of the folder instead.",
     .next = "limequat policy check POLICY"},
    {.check = "policy.check.devices",
     .cause = Cause::kConfiguration,
     .meaning = "A rule for block devices is for a device of any name.",
     .causes = "`.*` where the names of the devices were meant; the first rule that fits decides, "
               "so that rules behind it are never asked.",
     .advice = "Name the devices that the rule is for, in the member that `match_on` says.",
     .next = "limequat policy check POLICY"},
    {.check = "policy.check.attested",
     .cause = Cause::kConfiguration,
     .meaning = "Digests of the policy come out of lists of machines that nobody vouches for.",
     .causes = "It was made by `limequat policy learn --unattested`, or merged with such a policy: "
               "whoever could write the list could put a digest in.",
     .advice = "Learn from the list together with a quote that covers it, or make the policy of "
               "the source of the machine (`limequat policy create runtime`).",
     .next = "limequat policy learn LIST --quote MESSAGE --signature FILE --ak FILE --pcrs FILE"},
    {.check = "policy.check.says_something",
     .cause = Cause::kConfiguration,
     .meaning = "The policy leaves nothing to check.",
     .causes =
         "No digests; expressions that together leave next to nothing; Keylime's empty policy.",
     .advice = "Make a policy that lists what the machine runs: `limequat policy create runtime`.",
     .next = "limequat policy create runtime --root DIR"},
    {.check = "policy.check.boot.open",
     .cause = Cause::kConfiguration,
     .meaning = "A rule of the boot reference accepts whatever a machine shows.",
     .causes = "`\"firmware\": \"any\"`; values made of a boot without Secure Boot; an expression "
               "such as `.*` for command lines, commands or records.",
     .advice = "List the firmware by the log of a machine that has it; turn Secure Boot on and "
               "make the values anew; write texts instead of expressions.",
     .next = "limequat policy create boot LOG --update VALUES"},
    {.check = "policy.check.boot.empty",
     .cause = Cause::kConfiguration,
     .meaning = "The boot reference lists nothing where every boot shows something: it accepts "
                "none.",
     .causes = "Lists that were emptied by hand; members that old tools leave out of reference "
               "states.",
     .advice = "Add what a good boot shows: `limequat policy create boot --update`, or "
               "`limequat appraise boot --change` of its log.",
     .next = "limequat appraise boot LOG --reference VALUES --change FILE"},
    {.check = "policy.check.boot.release",
     .cause = Cause::kConfiguration,
     .meaning = "The releases of boot reference values do not rise.",
     .causes = "Values without a release; a document that was changed by hand and kept its "
               "release.",
     .advice = "Give each new version a higher release: a verifier takes no other (attack A11).",
     .next = "limequat policy check OLD NEW"},
    {.check = "policy.check.layers.silent",
     .cause = Cause::kConfiguration,
     .meaning = "A layer of the policy counts for nothing.",
     .causes = "No digests in it; expressions that leave next to nothing; Keylime's empty policy.",
     .advice = "Leave the layer out, or give it what it is to list. Its expressions have no "
               "effect either.",
     .next = "limequat policy check POLICY"},
    {.check = "policy.check.layers.shadowed",
     .cause = Cause::kConfiguration,
     .meaning = "A layer of the policy adds nothing to another one.",
     .causes = "The same policy twice; a layer of which another one lists everything, for at "
               "least as long.",
     .advice = "Leave the layer out, or look for what it was meant to list.",
     .next = "limequat policy check POLICY"},
    {.check = "policy.check.layers.together",
     .cause = Cause::kConfiguration,
     .meaning = "The layers of the policy together leave nothing to check.",
     .causes = "Expressions of several layers that each leave something and together match "
               "every ordinary path; layers that all say nothing.",
     .advice = "Make the expressions narrower: what one layer excludes, no other layer checks "
               "unless it lists the path.",
     .next = "limequat policy check POLICY"},
};

}  // namespace

CheckSection PolicyChecks() {
  return {.title = "The policy", .introduction = {}, .entries = kPolicy};
}

}  // namespace limequat
