"""What can be known of a scoring script and of a model file without running or loading them."""

import ast
from collections.abc import Iterable, Iterator

from registry.core.errors import BuildFailed
from registry.core.imaging.images import Runtime
from registry.images.mlmodel import MLmodel
from registry.images.pack import Entry

MAX_SCRIPT_BYTES = 512 << 10  # Python's syntax tree takes 600 bytes of memory for each
_REQUIRED = ("init", "run")
_DYNAMIC = {"exec", "eval", "globals", "setattr", "vars"}  # a script that uses one may define anything
_MODEL_PROTO_FIELDS = {1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26}  # onnx.proto, message ModelProto
_GRAPH = 7
_VARINT, _LENGTH = 0, 2


def choose_runtime(model: str, paths: list[str], scoring_script: str | None, mlmodel: MLmodel | None) -> Runtime:
    """Decide what runs the model: a script if there is one, or else its python_function, or onnxruntime.

    Raises:
        BuildFailed: there is no scoring script, and neither a python_function nor exactly one ``.onnx`` file.
    """
    if scoring_script is not None:
        return Runtime.SCRIPT
    if mlmodel is not None and mlmodel.runs_itself:
        return Runtime.MLFLOW
    onnx = [path for path in paths if path.endswith(".onnx")]
    match len(onnx):
        case 1:
            return Runtime.ONNX
        case 0:
            reason = f"has no .onnx file (it has: {_some(paths)})"
        case _:
            reason = f"has {len(onnx)} .onnx files ({_some(onnx)})"
    raise BuildFailed(
        f"model {model} {reason}: give a code_configuration with a scoring_script that defines init() and run(data), "
        "or register a version with exactly one .onnx file, or one that MLflow logged with a python_function",
        model=model,
    )


def check_script(script: Entry) -> None:
    """Check that a scoring script parses and that ``init`` and ``run`` are not certainly absent.

    Raises:
        BuildFailed: the script has a syntax error, is too long or too deep, or binds no ``init`` or no ``run``.
    """
    path = script.path
    if script.size > MAX_SCRIPT_BYTES:
        raise BuildFailed(
            f"{path} is {script.size:,} bytes long, and a scoring script at most {MAX_SCRIPT_BYTES:,}: "
            "put what is more into modules or files beside it",
            path=path,
        )
    try:
        bound = _names_of(ast.parse(b"".join(script.read()), filename=path))
    except SyntaxError as error:
        where = f"{path}, line {error.lineno}" if error.lineno else path
        raise BuildFailed(f"{where}: {error.msg}", path=path, line=error.lineno) from error
    except ValueError as error:  # a null byte
        raise BuildFailed(f"{path} is not Python: {error}", path=path) from error
    except (RecursionError, MemoryError) as error:
        raise BuildFailed(f"{path} has an expression that is too long or too deep to be read", path=path) from error
    if "*" in bound:
        return
    missing = [name for name in _REQUIRED if name not in bound]
    if missing:
        names = " and ".join(f"{name}()" for name in missing)
        raise BuildFailed(f"{path} does not define {names}: a scoring script has init() and run(data)", path=path)


def _names_of(tree: ast.Module) -> set[str]:
    """Return what the script binds, with "*" if that may be anything."""
    return {"*"} if _is_dynamic(tree) else set(_bound_names(tree.body))


def _is_dynamic(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.Name) and node.id in _DYNAMIC for node in ast.walk(tree)) or any(
        isinstance(node, ast.Global) and set(node.names) & set(_REQUIRED) for node in ast.walk(tree)
    )


def _bound_names(body: Iterable[ast.AST]) -> Iterator[str]:
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name for alias in names)
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Lambda():
                pass
            case _:
                yield from _bound_names(ast.iter_child_nodes(node))


def check_onnx(path: str, chunks: Iterable[bytes]) -> None:
    """Check that a file has the shape of an ONNX model: a protobuf message with ModelProto's fields and a graph.

    It is walked, not loaded: whether onnxruntime supports its operators shows on the node.

    Raises:
        BuildFailed: it is not, or it is cut short.
    """
    try:
        fields = set(_top_level_fields(_Reader(chunks)))
    except ValueError as error:
        raise BuildFailed(f"{path} is not an ONNX model: {error}", path=path) from error
    if _GRAPH not in fields:
        raise BuildFailed(f"{path} is not an ONNX model: it has no graph", path=path)


def _top_level_fields(reader: "_Reader") -> Iterator[int]:
    while not reader.at_end():
        tag = reader.varint()
        field, wire = tag >> 3, tag & 7
        if field not in _MODEL_PROTO_FIELDS or wire not in (_VARINT, _LENGTH):
            raise ValueError("it has a field that ModelProto has not")
        if wire == _VARINT:
            reader.varint()
        else:
            reader.skip(reader.varint())
        yield field


class _Reader:
    """Varints and skips over chunks."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._chunk = b""
        self._at = 0

    def at_end(self) -> bool:
        while self._at >= len(self._chunk):
            chunk = next(self._chunks, None)
            if chunk is None:
                return True
            self._at -= len(self._chunk)
            self._chunk = chunk
        return False

    def varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            if self.at_end():
                raise ValueError("it is cut short")
            byte = self._chunk[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise ValueError("it holds a number of more than 64 bits")

    def skip(self, count: int) -> None:
        self._at += count
        if self.at_end() and self._at > len(self._chunk):
            raise ValueError("it is cut short")


def _some(paths: list[str]) -> str:
    shown = ", ".join(sorted(paths)[:5])
    return shown + (f" and {len(paths) - 5} more" if len(paths) > 5 else "") if paths else "nothing"
