"""Reading the tables of the sources: options, sources, sinks, commands, metrics; and keeping files that are made of them.

For make-docs, make-man and make-completions. Nothing has to be built: the tables are C initialisers of a few shapes, and
what is not of such a shape is an error of the tool that meets it.
"""
import pathlib
import re
import sys
from typing import NamedTuple

STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
ESCAPES = {"n": "\n", "t": "\t", "0": "\0"}


def literal(text):
    """The value of adjacent string literals, or None when there is none."""
    parts = STRING.findall(text)
    if not parts:
        return None
    return re.sub(r"\\(.)", lambda m: ESCAPES.get(m.group(1), m.group(1)), "".join(parts))


def strip_comments(code):
    keep = r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\''
    return re.sub(rf"({keep})|/\*.*?\*/|//[^\n]*", lambda m: m.group(1) or " ", code, flags=re.S)


def marks(body):
    """Yields (place, depth, character) of brackets and commas outside strings; a bracket's depth is its inside's."""
    depth = 0
    for m in re.finditer(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|[(){}\[\],]', body):
        c = m.group(0)
        depth += c in "({["
        if len(c) == 1:
            yield m.start(), depth, c
        depth -= c in ")}]"


def split_top(body):
    """Splits at commas that stand in no bracket and no string."""
    places = [at for at, depth, c in marks(body) if c == "," and depth == 0] + [len(body)]
    parts = [body[a:b].strip() for a, b in zip([0] + [p + 1 for p in places], places)]
    return [p for p in parts if p]


def end_of(code, start):
    """Where the bracket closes that was opened before `start`."""
    return start + next(at for at, depth, c in marks(code[start:]) if c == "}" and depth == 0)


def fields(initializer):
    """{ .a = 1, .b = "x" } as a dict of texts; positional parts get their index as name."""
    out = {}
    for i, part in enumerate(split_top(initializer.strip()[1:-1])):
        named = re.match(r"\.(\w+)\s*=\s*(.*)", part, re.S)
        out[named.group(1) if named else i] = named.group(2) if named else part
    return out


class Sources:
    """All of src/ without tests, comments stripped, macros that hold table rows expanded."""

    def __init__(self, root):
        self.root = root
        self.files = {}
        self.texts = {} # macros that are one text
        macros = {}
        makers = {} # macros of a row that is told a text
        paths = [p for p in sorted((root / "src").rglob("*.[ch]")) if not re.search(r"_test\.[ch]$", p.name)]
        for path in paths:
            code = strip_comments(path.read_text())
            rows_of = r"^#define (\w+_(?:OPTIONS?|ENTRIES))\s+((?:.*\\\n)*.*)\n?"
            for name, body in re.findall(rows_of, code, re.M):
                macros[name] = body.replace("\\\n", "\n").strip().rstrip(",")
            for name, told, body in re.findall(r"^#define (SLI?_\w+_OPTION_\w+)\((\w+)\)\s+((?:.*\\\n)*.*)", code, re.M):
                makers[name] = told, body.replace("\\\n", "\n").strip()
            code = re.sub(rows_of, "", code, flags=re.M)
            self.texts.update(re.findall(r'^#define (\w+)\s+((?:\\\n|\s|"(?:[^"\\]|\\.)*")+)$', code, re.M))
            self.files[path] = code
        known = re.compile(rf"\b({'|'.join(macros)})\b(?=\s*[,}}])")
        for path, code in self.files.items():
            while known.search(code): # a macro may hold another
                code = known.sub(lambda m: macros[m.group(1)], code)
            for name, (told, body) in makers.items():
                code = re.sub(rf"^(\s+){name}\(((?:\s*\"(?:[^\"\\\\]|\\\\.)*\")+)\)\s*,",
                              lambda m: m.group(1) + re.sub(rf"\b{told}\b", lambda _: m.group(2), body) + ",", code, flags=re.M)
            self.files[path] = code

    def tables(self, c_type):
        """Yields (path, name, [row text]) of every array of that type."""
        for path, code in self.files.items():
            for m in re.finditer(rf"\b{c_type}\s+(\w+)\[\w*\]\s*=\s*\{{", code):
                rows = split_top(code[m.end():end_of(code, m.end())])
                yield path, m.group(1), [r for r in rows if r.replace(" ", "") != "{0}"]

    def structs(self, c_type):
        """Yields (path, name, fields) of every constant of that type."""
        for path, code in self.files.items():
            for m in re.finditer(rf"\bconst {c_type}\s+(\w+)\s*=\s*\{{", code):
                yield path, m.group(1), fields(code[m.end() - 1:end_of(code, m.end()) + 1])

    def text_of(self, part):
        """The value of a part of a row: a literal, or a macro that is one."""
        return literal(self.texts.get(part.strip(), part))

    def text(self, name):
        return (self.root / name).read_text()


class Option(NamedTuple):
    """A row of an option table, as texts; `default`, `low` and `high` may be None."""
    name: str
    kind: str # TEXT, BOOL, INT, ...
    choices: list
    default: str
    low: str
    high: str
    text: str
    required: bool


def option_of(row):
    o = fields(row)
    return Option(literal(o["name"]), o.get("type", "SL_OPT_TEXT").replace("SL_OPT_", "").strip(),
                  (literal(o.get("choices", "")) or "").split("|"), literal(o.get("fallback", "")),
                  literal(o.get("low", "")), literal(o.get("high", "")), literal(o.get("text", "")) or "",
                  "SL_OPT_REQUIRED" in o.get("flags", ""))


class Options:
    def __init__(self, sources):
        self.by_name = {}
        for path, name, rows in sources.tables("sl_option"):
            self.by_name[(path, name)] = rows
            if name.startswith("sli_"):
                self.by_name[name] = rows

    def of(self, path, name):
        return self.by_name.get((path, name), self.by_name.get(name, []))


def order_of(sources, array, c_type):
    code = sources.files[sources.root / "src/api/options.c"]
    m = re.search(rf"{c_type} \*const {array}\[\] = \{{(.*?)\}}", code, re.S)
    return [n.strip("& ") for n in split_top(m.group(1)) if n != "NULL"]


def commands(sources):
    """(name, arguments, text) of every subcommand of the program, in order."""
    code = strip_comments(sources.text("cli/main.c"))
    body = re.search(r"commands\[\]\s*=\s*\{(.*?)\n\};", code, re.S).group(1)
    for row in split_top(body):
        f = fields(row)
        usage, _, text = re.sub(r"  +", "\t", literal(f[2]) or "").partition("\t")
        yield literal(f[0]), usage, text.strip()


def job_options(sources, options):
    """Every setting of a job, in the order of `sluice help options`."""
    for table in order_of(sources, "sli_all_options", "sl_option"):
        yield from map(option_of, options.of(None, table))


# ---------------------------------------------------------------- files that are made

def keep(tool, make, folder, patterns):
    """The main of a maker: writes make(root), a dict of name to text, into `folder`; with --check only compares.

    Files there that fit `patterns` and that nothing makes any more are removed.
    """
    args = [a for a in sys.argv[1:] if a != "--check"]
    root = pathlib.Path(args[0] if args else pathlib.Path(__file__).parent.parent).resolve()
    wanted = make(root)
    there = {p.name: p for pattern in patterns for p in (root / folder).glob(pattern)}
    stale = [n for n, text in wanted.items() if n not in there or there[n].read_text() != text]
    gone = [n for n in there if n not in wanted]
    if "--check" in sys.argv:
        for name in sorted(stale + gone):
            print(f"{folder}/{name}: is not what the sources say: run tools/{tool}")
        return 1 if stale or gone else 0
    (root / folder).mkdir(parents=True, exist_ok=True)
    for name in stale:
        (root / folder / name).write_text(wanted[name])
    for name in gone:
        there[name].unlink()
    print(f"{tool}: {len(wanted)} files, {len(stale)} written, {len(gone)} removed")
    return 0
