import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from loadtest.bench.cpu import usage
from loadtest.bench.model import train
from loadtest.bench.subject import raw_server, wait_until_answered


@pytest.mark.e2e
def test_the_hand_written_server_scores_and_refuses_nonsense(tmp_path: Path) -> None:
    body = train(tmp_path / "model.onnx")
    with raw_server("raw", tmp_path / "model.onnx", body) as subject:
        probabilities = json.loads(wait_until_answered(subject))
        assert len(probabilities) == 1
        assert sum(probabilities[0]) == pytest.approx(1.0)
        assert usage(subject.pids()).cpu_s > 0
        url = f"http://127.0.0.1:{subject.request.port}/score"
        for nonsense in (b'{"data": [["a"]]}', b'{"data": [[1, 2]]}', b"{"):
            with pytest.raises(urllib.error.HTTPError, match="400"):
                urllib.request.urlopen(urllib.request.Request(url, nonsense))
