"""What names a cluster, and what is told without one."""

import sys
from importlib import resources

import pytest
from click.testing import CliRunner

from fermiml import InputError, cluster
from fermiml.cli.main import main


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: slurm", "cluster.yaml: workers is missing: how many processes"),
        ("kind: sge\nworkers: 4", "kind: one of local, slurm, pbs, lsf, htcondor, ssh, not 'sge'"),
        ("kind: slurm\nworkers: 0", "workers: 0 is not a whole number"),
        ("kind: slurm\nworkers: 4\nqeue: long", "unknown key qeue"),
        ("kind: !!python/object/apply:os.system [ls]", "is not valid YAML"),
    ],
)
def test_a_wrong_file_is_told_before_anything_begins(text, message, tmp_path):
    path = tmp_path / "cluster.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=f"{message}"):
        cluster.check(str(path))


@pytest.mark.parametrize("text", ["local:2", "tcp://10.0.0.1:8786", "tls://node-7:8786"])
def test_these_are_clusters(text):
    assert cluster.check(text) == text


def test_the_example_is_a_cluster():
    path = resources.files("fermiml.config") / "cluster-slurm.yaml"
    assert cluster.check(str(path)) == str(path)


def test_without_dask_there_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "distributed", None)
    arguments = ["simulate", str(tmp_path / "sky.yaml"), "-o", str(tmp_path / "out")]
    (tmp_path / "sky.yaml").write_text("sky: {centers: [[30, 58]], width: 2}")
    result = CliRunner().invoke(main, [*arguments, "--cluster", "local:2"])
    assert result.exit_code == 2 and result.output.strip().count("\n") == 0
    assert "--cluster needs distributed" in result.output
    assert "pip install 'fermiml[cluster]'" in result.output
    result = CliRunner().invoke(main, [*arguments, "--cluster", "local:2", "--jobs", "2"])
    assert result.exit_code == 2 and "--jobs and --cluster: give only one of them" in result.output
