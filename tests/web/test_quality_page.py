"""The page of the laboratory's quality."""

from pathlib import Path

from analysed import analysed
from plasmoscope.store.records import now
from workstation import new_slide, running, workstation


def test_the_page_shows_the_weeks_and_sites_of_signed_slides(tmp_path: Path) -> None:
    with workstation(tmp_path) as client:
        client.cookies.set("welcome", "accepted")
        assert "Nothing to show yet." in client.get("/quality").text
        slide = new_slide(client, site="Gulu <b>", taken_on=now().astimezone().date().isoformat())
        analysed(running(client).store, slide)
        version = client.get(f"/api/v1/slides/{slide}").json()["version"]
        signed = client.post(f"/api/v1/slides/{slide}/sign", json={"version": version, "confirm": True})
        assert signed.status_code == 200
        page = client.get("/quality").text
        told = client.get("/api/v1/quality").json()
    assert told["by_site"]["Gulu <b>"]["some"] == told["by_site"]["Gulu <b>"]["all"] == 1
    (week,) = told["weeks"]
    shares = [(week[name]["some"], week[name]["all"]) for name in ("positive", "false_calls", "poor")]
    assert shares == [(1, 1), (0, 0), (0, 1)]
    assert (week["positive"]["percent"]["value"], week["false_calls"]["percent"]) == (100, None)
    assert "Gulu &lt;b&gt;" in page
    assert page.count("(1 of 1)") == 2
    # The signed slide, and its photograph.
    assert page.count("<circle") == 2
    assert "(0 of 1)" in page
