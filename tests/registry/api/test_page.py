import re

import httpx


def test_a_person_is_told_what_this_is(http: httpx.Client) -> None:
    answer = http.get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "Slipway registry" in answer.text


def test_every_link_of_the_page_leads_somewhere(http: httpx.Client) -> None:
    links = re.findall(r'href="([^"]+)"', http.get("/").text)
    assert "/api/v1/openapi.json" in links
    assert {http.get(link).status_code for link in links} == {200}
