"""The names that the scan of code looks for, by detector. A name ending in a dot stands for everything below it. Pure."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


NAMES: dict[str, str] = {
    "hard exit": "os._exit os.abort os.kill os.killpg os.pidfd_open signal.raise_signal signal.pthread_kill signal.pidfd_send_signal "
    "faulthandler._sigsegv faulthandler._sigabrt faulthandler._fatal_error faulthandler._read_null faulthandler._stack_overflow posix._exit "
    "posix.abort posix.kill os.execv os.execve os.execl os.execle os.execlp os.execlpe os.execvp os.execvpe "
    "multiprocessing.process._exit_function _thread.interrupt_main _thread.exit_thread",
    "exit": "sys.exit builtins.exit builtins.quit builtins.SystemExit builtins.KeyboardInterrupt _thread.exit",
    "exit handler": "atexit. signal.signal signal.alarm signal.setitimer signal.siginterrupt weakref.finalize faulthandler.",
    "frames": "inspect.stack inspect.trace inspect.currentframe inspect.getouterframes inspect.getinnerframes inspect.getframeinfo "
    "inspect.getargvalues sys._getframe sys._getframemodulename sys._current_frames sys._current_exceptions gc.get_objects gc.get_referrers "
    "gc.get_referents gc.callbacks traceback.extract_stack traceback.format_stack traceback.print_stack traceback.walk_stack "
    "traceback.StackSummary. sys.call_tracing logging.currentframe",
    "hooks": "sys.settrace sys.setprofile sys.gettrace sys.getprofile sys.addaudithook sys.meta_path sys.path_hooks sys.path_importer_cache "
    "sys.monitoring. threading.settrace threading.setprofile threading.settrace_all_threads sys.set_coroutine_origin_tracking_depth "
    "sys.set_asyncgen_hooks sys.pycache_prefix sys.breakpointhook bdb. sys.unraisablehook site.addsitedir builtins.__build_class__",
    "tests as modules": "_pytest. pluggy. xdist. pytest.exit pytest.hookimpl pytest.hookspec pytest.Item pytest.Session pytest.Config "
    "pytest.PytestPluginManager pytest.Module pytest.Function pytest.CallInfo pytest.TestReport pytest.MonkeyPatch pytest.console_main "
    "pytest.Collector pytest.Pytester unittest.result. unittest.runner. unittest.case. unittest.TestResult doctest.OutputChecker __main__",
    "test runner": "pytest. unittest. hypothesis.",
    "native memory": "ctypes.CDLL ctypes.PyDLL ctypes.cdll ctypes.pydll ctypes.pythonapi ctypes.py_object ctypes.cast ctypes.memmove ctypes.memset "
    "ctypes.string_at ctypes.wstring_at ctypes.util. ctypes.CFUNCTYPE ctypes.PYFUNCTYPE _ctypes.",
    "native": "ctypes. cffi. mmap.",
    "code swap": "types.CodeType types.FunctionType types.LambdaType builtins.object.__subclasses__ builtins.type.__subclasses__ _testcapi. "
    "_testinternalcapi. _xxsubinterpreters.",
    "unpickling": "pickle.load pickle.loads pickle.Unpickler marshal. dill. cloudpickle. shelve. _pickle. copyreg.",
    "network": "socket. _socket. http.client. http.server. urllib.request. requests. httpx. aiohttp. urllib3. ssl. ftplib. smtplib. imaplib. poplib. "
    "telnetlib. nntplib. xmlrpc. socketserver. asyncio.open_connection asyncio.start_server asyncio.open_unix_connection webbrowser. "
    "paramiko. websockets.",
    "processes": "subprocess. os.system os.popen os.fork os.forkpty os.posix_spawn os.posix_spawnp os.spawnl os.spawnv os.spawnve "
    "os.spawnlp os.spawnvp "
    "pty. multiprocessing. concurrent.futures.ProcessPoolExecutor asyncio.create_subprocess_exec asyncio.create_subprocess_shell",
    "daemon": "os.setsid os.setpgid os.setpgrp os.daemon",
    "threads": "threading. _thread. concurrent.futures.ThreadPoolExecutor sched. asyncio.to_thread",
    "clock": "time.time time.time_ns time.monotonic time.monotonic_ns time.perf_counter time.perf_counter_ns time.process_time time.process_time_ns "
    "time.localtime time.gmtime time.ctime time.asctime time.thread_time time.clock_gettime datetime.datetime.now datetime.datetime.utcnow "
    "datetime.datetime.today datetime.date.today os.times",
    "sleep": "time.sleep asyncio.sleep",
    "randomness": "random. secrets. os.urandom os.getrandom uuid.uuid1 uuid.uuid4 numpy.random.",
    "environment": "os.environ os.getenv os.environb os.getpid os.getppid os.getuid os.geteuid os.getgid os.getlogin getpass. "
    "socket.gethostname platform. "
    "os.uname sys.modules sys.flags sys.executable sys.orig_argv sys.prefix sys.base_prefix sysconfig. site. os.getcwd pathlib.Path.cwd "
    "sys.dont_write_bytecode resource. os.sched_getaffinity os.cpu_count os.getloadavg sys.argv pwd. grp. builtins.__debug__ "
    "builtins.__spec__ builtins.__cached__ builtins.__loader__ time.tzname time.timezone time.altzone threading.current_thread threading.main_thread",
    "import path": "sys.path runpy. imp. importlib.util.spec_from_file_location importlib.machinery. importlib.reload zipimport. pkgutil.",
    "source reading": "inspect.getsource inspect.getsourcelines inspect.getsourcefile inspect.getfile inspect.getmodule inspect.findsource "
    "inspect.getcomments linecache. dis. builtins.__file__",
    "dynamic code": "builtins.exec builtins.eval builtins.compile builtins.__import__ code.InteractiveInterpreter code.InteractiveConsole",
    "homes": "pathlib.Path.home os.path.expanduser os.path.expandvars",
}
"""Detector → names; where two detectors claim one name, the longer entry wins, then the earlier."""

HIDES: frozenset[str] = words("tb_frame tb_next gi_frame cr_frame ag_frame f_back f_locals f_globals f_builtins f_code f_lineno f_trace")
"""Attributes that only frames and tracebacks have, or lead to them."""

UNMISTAKABLE: dict[str, str] = {
    **dict.fromkeys(HIDES, "frames"),
    **dict.fromkeys(words("_getframe _current_frames currentframe getouterframes getinnerframes get_referrers get_objects walk_stack"), "frames"),
    **dict.fromkeys(words("_exit raise_signal pthread_kill"), "hard exit"),
    **dict.fromkeys(words("addaudithook setprofile settrace meta_path path_hooks"), "hooks"),
}
"""Attributes that give themselves away, whatever they are taken from, unless the file gives something of its own that name."""

CLOCKS: frozenset[str] = frozenset(NAMES["clock"].split())

HARMLESS_ASSIGNMENTS = words(
    "sys.tracebacklimit sys.ps1 sys.ps2 sys.argv sys.dont_write_bytecode logging.raiseExceptions warnings.showwarning warnings.formatwarning "
    "json.encoder.FLOAT_REPR decimal.DefaultContext.prec decimal.DefaultContext.rounding logging.lastResort sys.path"
)
"""Attributes of the standard library whose documentation invites assignment."""

STREAMS = words("sys.stdout sys.stderr sys.stdin sys.__stdout__ sys.__stderr__ sys.__stdin__ sys.excepthook sys.displayhook threading.excepthook")

COMPARISONS = frozenset({"__eq__", "__ne__"})
ANSWERS_ALIKE = words("__hash__ __bool__ __contains__ __lt__ __le__ __gt__ __ge__ __len__")
TYPE_CHECKS = frozenset({"__instancecheck__", "__subclasscheck__"})


def _table() -> dict[str, str]:
    found: dict[str, str] = {}
    for detector, names in NAMES.items():
        for name in names.split():
            found.setdefault(name, detector)
    return found


DETECTOR_OF: dict[str, str] = _table()


def detector_of(name: str) -> str:
    """The detector that looks for a dotted name, or ''. A call `name()` is the name itself."""
    name = name.replace("()", "")
    if name in DETECTOR_OF:
        return DETECTOR_OF[name]
    if f"{name}." in DETECTOR_OF:
        return DETECTOR_OF[f"{name}."]
    stem = name
    while "." in stem:
        stem = stem.rpartition(".")[0]
        if f"{stem}." in DETECTOR_OF:
            return DETECTOR_OF[f"{stem}."]
        if stem in DETECTOR_OF and stem.count(".") >= 1:
            return DETECTOR_OF[stem]
    return ""
