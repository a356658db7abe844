"""One step of decoding, looked at: what a model says after a prompt, and what each strategy makes of it."""

if __name__ == "inspect":  # a Python that was started inside harness/ looks here for the standard library's module
    import sys
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec
    from pathlib import Path
    from sysconfig import get_path

    _spec = PathFinder.find_spec("inspect", [str(Path(get_path("stdlib")))])
    assert _spec is not None
    assert _spec.loader is not None
    sys.modules["inspect"] = module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["inspect"])
