"""The page of the laboratory's quality."""

from pathlib import Path

from analysed import FOUND, analysed
from plasmoscope.store.records import now
from workstation import ROLES, add_account, log_in, new_slide, running, workstation


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
    assert (week["more_false_calls"], told["stain"], told["focus"]) == (False, None, None)
    assert (week["positive"]["percent"]["value"], week["false_calls"]["percent"]) == (100, None)
    assert (told["stain"], told["focus"], week["more_false_calls"]) == (None, None, False)
    assert "Gulu &lt;b&gt;" in page
    assert page.count("(1 of 1)") == 2
    # The signed slide, and its photograph.
    assert page.count("<circle") == 2
    assert "(0 of 1)" in page


def test_a_control_slide_is_photographed_and_charted(tmp_path: Path) -> None:
    with workstation(tmp_path, host="0.0.0.0") as client:
        for name, role in ROLES.items():
            add_account(client, name, role)
        client.cookies.set("welcome", "accepted")
        admin, technician, reader = (log_in(client, name) for name in ("Admin", "Technician", "Reader"))
        given = {"name": "Bank <b>", "kind": "positive", "mean": "1,0", "sd": "0.1"}
        assert client.post("/controls", data=given, headers=technician).status_code == 403
        assert client.post("/controls", data=given, headers=admin).status_code == 200
        assert client.post("/controls/1/begin", headers=reader).status_code == 403
        answer = client.post("/controls/1/begin", headers=technician, follow_redirects=False)
        slide = int(answer.headers["location"].rpartition("/")[2])
        analysed(running(client).store, slide)
        page = client.get(f"/slides/{slide}", headers=technician).text
        assert "Enter into the chart" in page
        assert "report.pdf" not in page
        refused = client.get(f"/api/v1/slides/{slide}/files/report.pdf", headers=technician)
        assert refused.json()["error"]["reason"] == "no_patients_slide"
        client.post(f"/slides/{slide}/control/enter", headers=technician)
        page = client.get("/quality", headers=reader).text
        assert "Bank &lt;b&gt;" in page
        assert "Out of control: rely on no result" in page
        assert "1-3s: one reading" in page
        assert 'class="mark out"' in page
        assert "Name a control slide" not in page
        (told,) = client.get("/api/v1/controls", headers=reader).json()
        assert (told["state"], len(told["readings"])) == ("out of control", 1)
        assert told["readings"][0]["infected"] == FOUND.infected
        assert told["readings"][0]["broken"] == ["1-3s", "1-2s"]
        client.post(f"/slides/{slide}/control/leave-out", data={"reason": "dropped"}, headers=technician)
        assert 'class="mark out"' not in client.get("/quality", headers=admin).text
        assert "dropped" in client.get(f"/slides/{slide}", headers=admin).text
