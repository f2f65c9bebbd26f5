"""The page in Chromium: it draws what was chosen, by pointer and by keys, and nothing of a text is run."""

import shutil

import numpy as np
import pytest
import tiny
from parity_weights import randomized

from keras_bert_layers import interpret, models

pytestmark = pytest.mark.browser
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
EVIL = "good </script><script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\"> film"
TEXTS = ["The films are not very good.", EVIL, "هذا الفيلم جميل جدا", "这部电影非常好看", ""]


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install '.[browser]'"
    )
    if CHROMIUM is None:
        pytest.skip("There is no Chromium on the path.")
    with sync_api.sync_playwright() as playwright:
        try:
            running = playwright.chromium.launch(executable_path=CHROMIUM)
        except sync_api.Error as error:
            pytest.skip(f"{CHROMIUM} does not start here: {error}")
        yield running
        running.close()


@pytest.fixture(scope="module")
def page():
    model = models.text_classifier(
        randomized(models.bert_encoder(tiny.config(num_layers=3, max_sequence_length=64)), scale=0.4), 2
    )
    preprocessor = tiny.preprocessor(sequence_length=64)
    seen = interpret.inspect(model, preprocessor, TEXTS)
    return interpret.page(
        [*interpret.gradient_x_input(model, preprocessor, TEXTS), *seen],
        labels=["bad", "good"],
        maps={"rollout": [interpret.attention_rollout(each.attention) for each in seen]},
    )


@pytest.fixture(scope="module")
def path(page, tmp_path_factory):
    return page.save(tmp_path_factory.mktemp("page") / "page.html")


@pytest.fixture
def view(browser, path):
    """The page, opened; at the end nothing was complained of and nothing was asked of the network."""
    complaints, requests = [], []
    page = browser.new_page(viewport={"width": 1240, "height": 900})
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    yield page
    page.close()
    assert complaints == []
    assert requests == [path.as_uri()]


def pixels(view, selector="#large"):
    return view.evaluate("selector => document.querySelector(selector).toDataURL()", selector)


def selected(view):
    return view.locator('[role="gridcell"][aria-selected="true"]').get_attribute("aria-label")


def choose(view, label):
    view.locator(f'[role="gridcell"][aria-label="{label}"]').click()


def test_another_head_is_another_picture(view):
    choose(view, "Layer 0, head 0")
    first = pixels(view)
    choose(view, "Layer 2, head 1")
    assert pixels(view) != first
    assert view.inner_text("#chosen") == selected(view) == "Layer 2, head 1"
    choose(view, "Layer 0, head 0")
    view.mouse.move(0, 0)
    assert pixels(view) == first


def test_keys_walk_through_the_grid_and_no_further(view):
    choose(view, "Layer 1, head 0")
    pictures = {pixels(view)}
    for key, expected in [
        ("ArrowRight", "Layer 1, head 1"),
        ("ArrowUp", "Layer 0, head 1"),
        ("ArrowUp", "Layer 0, head 1"),
        ("End", "Layer 0, rollout"),
        ("ArrowLeft", "Layer 0, mean of heads"),
        ("PageDown", "Layer 2, mean of heads"),
        ("Home", "Layer 2, head 0"),
    ]:
        view.keyboard.press(key)
        assert selected(view) == view.inner_text("#chosen") == expected
        pictures.add(pixels(view))
    assert len(pictures) == 7
    stops = view.locator('#grid [tabindex="0"]')
    assert stops.count() == 1


def test_all_is_reached_by_the_tabulator(view):
    reached = set()
    for _ in range(14):
        view.keyboard.press("Tab")
        reached.add(view.evaluate("(e => e.id || e.dataset.value || e.getAttribute('role'))(document.activeElement)"))
    assert {"choice", "next", "theme", "words", "pieces", "no", "yes", "option", "gridcell", "map", "lines"} <= reached


def test_pointing_at_a_token_tells_what_it_reads_from(view):
    choose(view, "Layer 1, head 1")
    token = view.locator("#strip [role=option]", has_text="very")
    token.hover()
    said = view.inner_text("#readout")
    assert said.startswith("very reads from")
    weights = [float(part) for part in said.split() if part.replace(".", "").isdigit()]
    assert weights == sorted(weights, reverse=True)
    before = pixels(view)
    view.locator("#strip [role=option]", has_text="good").hover()
    assert view.inner_text("#readout").startswith("good reads from")
    assert pixels(view) != before


def test_the_weight_under_the_pointer_is_that_of_the_model(view, path):
    """From the squares of the large map, against the numbers that the page was made of."""
    view.set_viewport_size({"width": 1240, "height": 1600})
    choose(view, "Layer 1, head 0")
    model = models.text_classifier(
        randomized(models.bert_encoder(tiny.config(num_layers=3, max_sequence_length=64)), scale=0.4), 2
    )
    [seen] = interpret.inspect(model, tiny.preprocessor(sequence_length=64), TEXTS[:1])
    box = view.locator("#large").bounding_box()
    size = len(seen.tokens)
    found = {}
    for y in np.arange(box["y"] + 2, box["y"] + box["height"], 12):
        view.mouse.move(box["x"] + box["width"] - 5, y)
        words = view.inner_text("#readout").split()
        found[words[0]] = float(words[-1])
    assert found["[CLS]"] == pytest.approx(seen.attention[1, 0, 0, size - 1], abs=0.011)
    assert found["[SEP]"] == pytest.approx(seen.attention[1, 0, size - 1, size - 1], abs=0.011)


def test_lines_are_another_picture_and_escape_shows_all_of_them(view):
    squares = pixels(view)
    view.click("#view [data-value=lines]")
    lines = pixels(view)
    assert lines != squares
    view.keyboard.press("Escape")
    assert pixels(view) != lines
    assert "Point at a token" in view.inner_text("#readout")


def test_markup_in_a_text_is_shown_and_not_run(view):
    view.click("#next")
    assert view.inner_text("#reading") == EVIL
    view.click("#unit [data-value=pieces]")
    assert view.title() == "What the model reads"
    assert view.locator("#reading script, #reading img").count() == 0


def test_dark_is_another_picture_and_the_choice_can_be_taken_back(view):
    light = pixels(view)
    background = "getComputedStyle(document.body).backgroundColor"
    paper = view.evaluate(background)
    view.click("#theme")
    assert pixels(view) != light
    assert view.evaluate(background) != paper
    view.click("#theme")
    assert pixels(view) == light


def test_who_prefers_dark_gets_it(browser, path):
    page = browser.new_page(color_scheme="dark")
    page.goto(path.as_uri())
    page.wait_for_selector('html[data-ready][data-theme="dark"]')
    assert page.inner_text("#theme") == "Light"
    page.close()


def test_texts_are_chosen_by_list_and_buttons(view):
    assert view.locator("#choice option").count() == 5
    view.select_option("#choice", "4")
    assert view.inner_text("#reading") == ""
    assert view.locator("#next").is_disabled()
    view.click("#previous")
    assert view.inner_text("#reading") == TEXTS[3]


def test_a_notebook_shows_the_page_in_a_frame(browser, page, tmp_path):
    complaints = []
    (tmp_path / "cell.html").write_text(f"<!doctype html><p>Out[1]:</p>{page._repr_html_()}", encoding="utf-8")
    notebook = browser.new_page()
    notebook.on("console", lambda message: complaints.append(message.text))
    notebook.goto((tmp_path / "cell.html").as_uri())
    frame = notebook.frames[1]
    frame.wait_for_selector("html[data-ready]")
    assert frame.inner_text("#reading") == TEXTS[0]
    assert complaints == []
    notebook.close()


def test_text_from_right_to_left_is_laid_so(view):
    view.select_option("#choice", "2")
    first, last = view.locator("#reading .token").first, view.locator("#reading .token").last
    assert first.bounding_box()["x"] > last.bounding_box()["x"]
    first.focus()
    view.keyboard.press("ArrowLeft")
    assert view.evaluate("document.activeElement.textContent") == "الفيلم"


def test_scores_are_told_on_focus_and_can_be_shown_for_all(view):
    token = view.locator("#reading .token", has_text="good")
    token.focus()
    assert view.inner_text("#tip").endswith("of all that speaks")
    view.click("#scores [data-value=yes]")
    shown = view.evaluate("[...document.querySelectorAll('#reading .token')].map(e => e.dataset.score)")
    assert all(float(score.replace("−", "-")) or score == "0.00" for score in shown)


@pytest.mark.parametrize("width", [360, 1900])
def test_no_screen_is_too_narrow(view, width):
    view.set_viewport_size({"width": width, "height": 800})
    view.wait_for_timeout(100)
    assert view.evaluate("document.documentElement.scrollWidth") <= width
