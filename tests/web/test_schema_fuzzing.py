"""Requests made up from the interface's own document: whatever comes, the answer is never a failure of the server."""

from pathlib import Path
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from patience import PATIENCE
from workstation import PROGRAM, new_slide, served, upload, when_analysed

EXAMPLES = 15


@pytest.mark.slow
def test_no_made_up_request_makes_the_server_fail(tmp_path: Path, rendered_png: bytes) -> None:
    with served(tmp_path) as address, httpx2.Client(base_url=address, headers=PROGRAM, timeout=PATIENCE) as client:
        slide = new_slide(client)
        upload(client, slide, rendered_png)
        when_analysed(client, slide)
        document: Any = schemathesis.openapi.from_url(f"{address}/api/v1/openapi.json")
        operations = [found.ok() for found in document.get_all_operations()]
        assert len(operations) > 20
        for operation in operations:

            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy())
            def call(case: Any) -> None:
                # Most numbers name nothing; half of these name what is there.
                for name in {"slide_id", "field_id", "patient_id", "number"} & set(case.path_parameters):
                    case.path_parameters[name] = case.path_parameters[name] % 2 + 1
                answer = case.call(headers=PROGRAM)
                assert answer.status_code < 500, f"{case.method} {case.path}: {answer.text}"

            call()
