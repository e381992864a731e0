"""Telling how far a stage is."""

from family.progress import Progress, listen, report


def test_a_report_reaches_the_listener() -> None:
    heard: list[Progress] = []
    listen(heard.append)
    try:
        report(2, 3, "steps", loss=0.5)
    finally:
        listen(lambda progress: None)
    assert heard == [Progress(done=2, total=3, unit="steps", figures={"loss": 0.5})]


def test_a_report_reads_as_a_sentence() -> None:
    progress = Progress(done=40, total=1200, unit="blocks", figures={"tokens_per_second": 1234.56})
    assert str(progress) == "40 of 1,200 blocks, tokens per second 1235"
