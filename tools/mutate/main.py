"""The command `script/mutate`."""

import argparse
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from explained import Explanation, ExplanationError, read_explanations
from mutants import Mutant, mutants_of
from workplace import Workplace, WorkplaceError

_ROOT = Path(__file__).resolve().parents[2]
# A mutant that makes a test endless is killed after this many times the usual time, but never soon.
_TIMES, _LEAST_SECONDS = 20, 60
_ABOUT = """\
Asks of each check in a source file: does a test fail without it?

Each mutant changes one place: a condition is negated, or what follows from it is dropped; a comparison becomes its
neighbour; a term of && or || is dropped; the error of LQ_RETURN_IF_ERROR is ignored; a number in a comparison or in a
constant moves by one. LQ_CHECK and static_assert are left alone: they are no checks of input. The module's tests are
built and run against every mutant, in a copy of the tree under build/mutate; your own files are not touched."""
_AFTER = """\
example: script/mutate limequat/tpm/quote.cc --with appraise

A mutant is *killed* if a test fails (or crashes), *timeout* if one does not end, *not compiled* if the compiler
refuses it, and *survived* otherwise. Survivors that weaken nothing are listed in tools/mutate/equivalent.txt with the
reason. Exit status: 0 every survivor is explained, 1 one is not or an explanation fits nothing, 2 wrong usage or the
tests do not pass without a mutant."""


@dataclass(frozen=True)
class Outcome:
    path: str
    mutant: Mutant
    result: str     # killed, timeout, not compiled, survived


def judge(workplace: Workplace, modules: list[str], path: str, mutant: Mutant) -> str:
    """Builds and tests one mutant."""
    original = workplace.read(path)
    workplace.write(path, mutant.text)
    try:
        if not workplace.build([f"{module}_test" for module in modules], cached=False):
            return "not compiled"
        for module in modules:
            status = workplace.run(module, max(_LEAST_SECONDS, _TIMES * workplace.baseline[module]))
            if status is None:
                return "timeout"
            if status != 0:
                return "killed"
        return "survived"
    finally:
        workplace.write(path, original)


def module_of(path: str) -> str:
    parts = Path(path).parts
    if len(parts) != 3 or parts[0] != "limequat" or not path.endswith(".cc") or path.endswith("_test.cc"):
        raise ValueError(f"{path} is not a source limequat/MODULE/NAME.cc")
    return parts[1]


def conclude(paths: list[str], outcomes: list[Outcome], explanations: list[Explanation], complete: bool) -> tuple[str, int]:
    """The report and the exit status.  Explanations are only held to account if every mutant was tried."""
    lines, failed = [], False
    survivors = [outcome for outcome in outcomes if outcome.result == "survived"]
    explained = {outcome: next((one for one in explanations if one.fits(outcome.path, outcome.mutant)), None) for outcome in survivors}
    for outcome, explanation in explained.items():
        mutant = outcome.mutant
        if explanation is None:
            failed = True
            lines += [f"survived: {outcome.path}:{mutant.line} ({mutant.kind})", f"  - {mutant.before}", f"  + {mutant.after}"]
        else:
            lines.append(f"explained: {outcome.path}:{mutant.line} ({mutant.kind}): {explanation.reason}")
    used = list(explained.values())
    for one in explanations:
        if complete and one.path in paths and one not in used:
            failed = True
            lines.append(f"equivalent.txt:{one.line}: explains nothing that survived in {one.path}; remove it")
    for path in paths:
        counts = Counter(outcome.result for outcome in outcomes if outcome.path == path)
        known = sum(1 for outcome, one in explained.items() if outcome.path == path and one is not None)
        lines.append(f"{path}: {counts.total()} mutants, {counts['killed']} killed, {counts['timeout']} timeout, "
                     f"{counts['not compiled']} not compiled, {counts['survived']} survived ({known} explained)")
    return "\n".join(lines), 1 if failed else 0


def arguments_of(words: list[str] | None, root: Path) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/mutate", usage="script/mutate [options] SOURCE...", description=_ABOUT,
                                     epilog=_AFTER, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", metavar="SOURCE", help="limequat/MODULE/NAME.cc")
    parser.add_argument("--with", nargs="+", default=[], dest="others", metavar="MODULE", help="run the tests of these modules too")
    parser.add_argument("--lines", metavar="A-B", help="only mutants of these lines")
    parser.add_argument("--list", action="store_true", help="show the mutants, build nothing")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="of the compiler; default: 1")
    arguments = parser.parse_args(words)
    try:
        arguments.modules = list(dict.fromkeys([*map(module_of, arguments.sources), *arguments.others]))
        first, _, last = (arguments.lines or "1-1000000").partition("-")
        arguments.range = range(int(first), int(last or first) + 1)
    except ValueError as error:
        parser.error(str(error))
    for path in arguments.sources:
        if not (root / path).is_file():
            parser.error(f"there is no {path}")
    return arguments


def chosen(arguments: argparse.Namespace, root: Path) -> list[tuple[str, Mutant]]:
    return [(path, mutant) for path in arguments.sources for mutant in mutants_of((root / path).read_text(), path)
            if mutant.line in arguments.range]


def main(words: list[str] | None = None, root: Path = _ROOT) -> int:
    """Returns the exit status.  `root` is the repository."""
    arguments = arguments_of(words, root)
    if arguments.list:
        todo = chosen(arguments, root)
        for path, mutant in todo:
            print(f"{path}:{mutant.line} {mutant.kind}\n  - {mutant.before}\n  + {mutant.after}")
        print(f"{len(todo)} mutants")
        return 0
    try:
        explanations = read_explanations(root / "tools" / "mutate" / "equivalent.txt")
        place = root / "build" / "mutate"
        workplace = Workplace(root, place, arguments.jobs)
        workplace.begin(arguments.modules)
    except (ExplanationError, WorkplaceError) as error:
        print(error)
        return 2
    todo = chosen(arguments, workplace.tree)    # from now on the working tree may change
    outcomes = []
    for number, (path, mutant) in enumerate(todo, 1):
        # The tests of the module itself first: they are the likeliest to fail, and they are quick.
        modules = [module_of(path), *(name for name in arguments.others if name != module_of(path))]
        outcomes.append(Outcome(path, mutant, judge(workplace, modules, path, mutant)))
        print(f"[{number}/{len(todo)}] {outcomes[-1].result}: {path}:{mutant.line} {mutant.kind}: {mutant.after}", flush=True)
    report, status = conclude(arguments.sources, outcomes, explanations, complete=arguments.lines is None)
    (place / "report.json").write_text(json.dumps(
        [{"path": one.path, "line": one.mutant.line, "kind": one.mutant.kind, "result": one.result, "diff": one.mutant.diff}
         for one in outcomes], indent=1))
    print(report)
    return status
