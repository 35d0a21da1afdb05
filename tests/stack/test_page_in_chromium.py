import pytest

pytestmark = pytest.mark.stack


def test_chromium_shows_a_page(browser):
    page = browser.new_page()
    page.set_content("<title>Creditloop</title>")
    assert page.title() == "Creditloop"
