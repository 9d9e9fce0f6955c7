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
    assert "Gulu &lt;b&gt;" in page
    assert page.count("(1 of 1)") == 2
    # The signed slide, and its photograph.
    assert page.count("<circle") == 2
    assert "(0 of 1)" in page
