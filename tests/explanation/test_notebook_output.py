"""An explanation in a notebook: as on its page, in every host, light and dark, with scripts and without."""

import re
from functools import cache
from pathlib import Path

import pytest

from explanation.made_up import build_explanation, drawn, of_vectors
from explanation.notebook_hosts import DARK_HOSTS, HOSTS, INSERT, INSERT_WITHOUT_SCRIPTS, PLACE
from hbi.explanation import Comparison, comparison_section
from hbi.explanation.html.explanation_section import explanation_section
from hbi.explanation.html.notebook_output import EDGE
from hbi.explanation.html.page import fragment, page, section_assets
from in_chromium import needs_chromium, running_chromium
from labelled_examples import text_explanation

pytestmark = needs_chromium

LOOK = """() => {
  document.querySelectorAll(".hbi-explanation details").forEach((part) => (part.open = true));
  const section = document.querySelector(".hbi-explanation");
  const origin = section.getBoundingClientRect();
  const properties = ["color", "backgroundColor", "fontSize", "fontWeight", "fontStyle", "textAlign", "lineHeight",
    "paddingLeft", "paddingTop", "marginTop", "marginLeft", "borderTopWidth", "borderTopColor", "display",
    "listStyleType", "verticalAlign", "whiteSpace", "overflowX", "maxWidth", "backgroundImage", "borderRadius",
    "opacity"];
  return [section, ...section.querySelectorAll("*:not(style, script, col)")].map((element) => {
    const box = element.getBoundingClientRect(), style = getComputedStyle(element);
    const isSeen = box.width > 0 || box.height > 0;
    const place = isSeen ? [box.x - origin.x, box.y - origin.y, box.width, box.height].map(Math.round) : "not seen";
    return [element.tagName + "." + element.className, place, properties.map((name) => name + ": " + style[name])];
  });
}"""


def explanations():
    plain = build_explanation("a yellow pancake slides left", num_frames=12, action_words=[0, 0, 1, 1, 2])
    return {"levels": plain, "drawn": drawn(of_vectors(plain)), "labelled": text_explanation()}


@cache
def sections():
    found = {name: explanation_section(explanation, "cell-1") for name, explanation in explanations().items()}
    one, other = explanations()["levels"], build_explanation("a yellow pancake", num_frames=12)
    return {**found, "comparison": comparison_section(Comparison(one, other), "cell-1")}


@pytest.fixture(scope="module")
def browser():
    with running_chromium() as running:
        yield running


@pytest.fixture
def open_markup(browser, tmp_path):
    """Opens markup from disk; afterwards no request has left the page and no complaint was made."""
    requests, complaints, contexts = [], [], []

    def opened(markup, **options):
        file = Path(tmp_path, "page.html")
        file.write_text(markup, encoding="utf-8")
        context = browser.new_context(viewport={"width": 1100, "height": 900}, **options)
        contexts.append(context)
        tab = context.new_page()
        tab.on("request", lambda request: requests.append(request.url))
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.goto(file.as_uri())
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert all(url.startswith(("file:", "data:")) for url in requests), requests
    assert complaints == []


def looks(tab):
    return tab.evaluate(LOOK)


@pytest.fixture(scope="module")
def on_its_page(browser):
    """How a section looks on a page of its own, as wide as the outputs of the hosts."""

    @cache
    def found(kind, color_scheme="light"):
        placed = PLACE.replace("940px", f"{940 - 2 * EDGE}px").replace("></div>", f">{sections()[kind]}</div>")
        tab = browser.new_page(viewport={"width": 1100, "height": 900}, color_scheme=color_scheme)
        tab.set_content(page("alone", [placed]))
        seen = looks(tab)
        tab.close()
        return seen

    return found


def differences(one, other):
    assert len(one) == len(other)
    return [
        (name, place, there, [pair for pair in zip(look, its_look, strict=True) if pair[0] != pair[1]])
        for (name, place, look), (_, there, its_look) in zip(one, other, strict=True)
        if place != there or look != its_look
    ]


@pytest.mark.parametrize(
    ("host", "kind"),
    [(host, kind) for host in sorted(HOSTS) for kind in sorted(sections()) if host == "jupyterlab" or kind == "levels"],
)
def test_every_part_of_a_section_looks_as_on_its_own_page(open_markup, on_its_page, host, kind):
    expected = on_its_page(kind)
    tab = open_markup(HOSTS[host])
    tab.evaluate(INSERT, fragment(sections()[kind]))
    found = differences(expected, looks(tab))
    assert found == [], f"{len(found)} of {len(expected)} parts, the first: {found[:3]}"


@pytest.mark.parametrize("host", sorted(HOSTS))
def test_the_rules_of_the_hosts_reach_what_is_not_guarded(open_markup, on_its_page, host):
    section, (style, script) = sections()["levels"], section_assets()
    expected = on_its_page("levels")
    tab = open_markup(HOSTS[host])
    tab.evaluate(INSERT, f"<style>{style}</style>{section}<script>{script}</script>")
    changed = differences(expected, looks(tab))
    assert sum(name.startswith(("TH", "TD", "TR", "TABLE")) for name, *_ in changed) > 50


@pytest.mark.parametrize("host", sorted(HOSTS))
def test_no_name_is_cut(open_markup, host):
    tab = open_markup(HOSTS[host])
    tab.evaluate(INSERT, explanations()["levels"]._repr_html_())
    tab.evaluate("document.querySelectorAll('.hbi-explanation details').forEach((part) => (part.open = true))")
    for tab_button in tab.locator(".hbi-tab").all():
        tab_button.click()
        names = tab.locator(".hbi-name:visible")
        assert names.count() >= 5
        assert all(names.evaluate_all("names => names.map((name) => name.scrollWidth <= name.clientWidth)"))
        assert min(names.evaluate_all("names => names.map((name) => name.getBoundingClientRect().width)")) > 40


@pytest.mark.parametrize("host", sorted(DARK_HOSTS))
@pytest.mark.parametrize("system", ["light", "dark"])
def test_a_dark_host_has_a_dark_output_whatever_the_system_is(open_markup, on_its_page, host, system):
    section = sections()["levels"]
    expected = on_its_page("levels", "dark")
    tab = open_markup(DARK_HOSTS[host], color_scheme=system)
    tab.evaluate(INSERT, fragment(section))
    assert differences(expected, looks(tab)) == []
    light = open_markup(HOSTS[host], color_scheme="dark")
    light.evaluate(INSERT, fragment(section))
    assert (
        light.locator(".hbi-explanation").evaluate("it => getComputedStyle(it).backgroundColor") == "rgb(255, 255, 255)"
    )


def test_two_outputs_do_not_disturb_each_other_and_both_answer(open_markup):
    tab = open_markup(HOSTS["vs code"])
    first, second = explanations()["levels"], text_explanation()
    tab.evaluate(INSERT, first._repr_html_() + second._repr_html_())
    assert tab.locator(".hbi-explanation.hbi-ready").count() == 2
    one, other = tab.locator(".hbi-explanation").all()
    one.locator(".hbi-sentence .hbi-pick", has_text="pancake").click()
    assert "pancake" in one.locator(".hbi-says").inner_text()
    assert "pancake" not in other.locator(".hbi-says").inner_text()


def test_without_scripts_everything_can_be_read(open_markup):
    tab = open_markup(HOSTS["jupyterlab"])
    tab.evaluate(INSERT_WITHOUT_SCRIPTS, explanations()["levels"]._repr_html_())
    assert not tab.locator(".hbi-plain").is_visible()
    assert tab.locator(".hbi-row").filter(has_text="pancake").first.is_visible()
    tab.locator(".hbi-experts > summary").click()
    assert tab.locator("table:visible").count() == 4, "all levels and the timeline, one below the other"


def test_a_host_that_strips_style_and_scripts_shows_sentences(open_markup):
    """As GitHub and notebooks that are not trusted do: no style, no script, no class that anything knows."""
    for explanation, told in (
        (explanations()["levels"], r"“pancake”.*(matches \d\.\d s to|matches no single second)"),
        (text_explanation(), r"“rings” matches .*“rings”"),
    ):
        output = explanation._repr_html_()
        stripped = re.sub(r"<(style|script)\b.*?</\1>", "", output, flags=re.DOTALL)
        stripped = re.sub(r' (style|class|id|data-[\w-]+|aria-[\w-]+|role|tabindex)="[^"]*"', "", stripped)
        tab = open_markup(HOSTS["jupyterlab"])
        tab.evaluate(INSERT_WITHOUT_SCRIPTS, stripped)
        text = tab.locator("#place").inner_text().replace("\xa0", " ")
        assert re.search(told, text), text[:800]
        assert "{" not in text, "neither rules nor data"
        assert explanation.text in text
