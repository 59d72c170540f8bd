from pathlib import Path

from loadtest.soak.disk import Space, ray_logs, space_of


def test_each_folder_is_counted_with_all_below_and_a_file_of_two_names_once(tmp_path: Path) -> None:
    (tmp_path / "node" / "deep").mkdir(parents=True)
    (tmp_path / "node" / "deep" / "one").write_bytes(b"x" * 10_000)
    (tmp_path / "node" / "other").hardlink_to(tmp_path / "node" / "deep" / "one")
    (tmp_path / "registry.db").write_bytes(b"x")
    space = space_of(tmp_path)
    assert {name: one.files for name, one in space.items()} == {"node": 1, "registry.db": 1}
    assert space["node"].bytes >= 10_000


def test_rays_logs_are_where_its_processes_say(tmp_path: Path) -> None:
    for pid, arguments in ((7, "slipway\0up"), (8, f"gcs_server\0--log_dir={tmp_path}/logs\0")):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "cmdline").write_text(arguments)
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "worker.err").touch()
    assert ray_logs([6, 7, 8], proc=tmp_path) == Space(1, 0)
    assert ray_logs([7], proc=tmp_path) == Space(0, 0)
