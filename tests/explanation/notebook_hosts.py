"""The rules of notebook hosts that reach the HTML of an output, and how each host puts that HTML into its page.

Written after what the hosts have, property by property:

- JupyterLab 4, Notebook 7 and nbconvert: packages/rendermime/style/base.css of jupyterlab/jupyterlab ("Headings",
  "Lists", "Tables"), with the values of the variables in packages/theme-{light,dark}-extension/style/variables.css;
- VS Code: the style of src/vs/workbench/contrib/notebook/browser/view/renderers/backLayerWebView.ts and the default
  styles in src/vs/workbench/contrib/webview/browser/pre/index.html of microsoft/vscode; scripts are run again by
  `domEval` of extensions/notebook-renderers/src/index.ts. Before 2022 `text-align` was `left !important`;
- the classic notebook 6: `html` is 10 px high letters (Bootstrap 3), tables as in JupyterLab.
"""

JUPYTERLAB_RULES = """
.jp-RenderedHTMLCommon {
  color: VAR_INK; font-family: system-ui, sans-serif; font-size: 14px; line-height: 1.6; padding-right: 20px;
}
.jp-RenderedHTMLCommon em { font-style: italic; }
.jp-RenderedHTMLCommon h1, .jp-RenderedHTMLCommon h2, .jp-RenderedHTMLCommon h3, .jp-RenderedHTMLCommon h4 {
  line-height: 1; font-weight: 500; font-style: normal; margin: 1.2em 0 0.8em 0; scroll-margin-top: 1.2em;
}
.jp-RenderedHTMLCommon h2:first-child, .jp-RenderedHTMLCommon h4:first-child { margin-top: 0.6em; }
.jp-RenderedHTMLCommon h2:last-child, .jp-RenderedHTMLCommon h4:last-child { margin-bottom: 0.4em; }
.jp-RenderedHTMLCommon h2 { font-size: 1.728em; }
.jp-RenderedHTMLCommon h3 { font-size: 1.44em; }
.jp-RenderedHTMLCommon h4 { font-size: 1.2em; }
.jp-RenderedHTMLCommon ul:not(.list-inline), .jp-RenderedHTMLCommon ol:not(.list-inline) { padding-left: 2em; }
.jp-RenderedHTMLCommon ul { list-style: disc; }
.jp-RenderedHTMLCommon ol { list-style: decimal; }
.jp-RenderedHTMLCommon ol, .jp-RenderedHTMLCommon ul { margin-bottom: 1em; }
.jp-RenderedHTMLCommon table {
  border-collapse: collapse; border-spacing: 0; border: none; color: VAR_INK; font-size: 13px; table-layout: fixed;
  margin-left: auto; margin-bottom: 1em; margin-right: auto;
}
.jp-RenderedHTMLCommon thead { border-bottom: 1px solid VAR_LINE; vertical-align: bottom; }
.jp-RenderedHTMLCommon td, .jp-RenderedHTMLCommon th, .jp-RenderedHTMLCommon tr {
  vertical-align: middle; padding: 0.5em; line-height: normal; white-space: normal; max-width: none; border: none;
}
:not(.jp-RenderedMarkdown).jp-RenderedHTMLCommon td, :not(.jp-RenderedMarkdown).jp-RenderedHTMLCommon th,
:not(.jp-RenderedMarkdown).jp-RenderedHTMLCommon tr {
  text-align: right;
}
.jp-RenderedHTMLCommon th { font-weight: bold; }
.jp-RenderedHTMLCommon tbody tr:nth-child(odd) { background: VAR_PAPER; }
.jp-RenderedHTMLCommon tbody tr:nth-child(even) { background: VAR_STRIPE; }
.jp-RenderedHTMLCommon tbody tr:hover { background: VAR_HOVER; }
.jp-RenderedHTMLCommon p { text-align: left; margin: 0; margin-bottom: 1em; }
.jp-RenderedHTMLCommon img, .jp-RenderedHTMLCommon svg { max-width: 100%; height: auto; }
.jp-RenderedHTMLCommon > *:last-child { margin-bottom: 0.5em; }
"""
LIGHT = {"INK": "rgba(0,0,0,0.87)", "LINE": "#bdbdbd", "PAPER": "white", "STRIPE": "#eeeeee", "HOVER": "#e1f5fe"}
DARK = {"INK": "white", "LINE": "#616161", "PAPER": "#111111", "STRIPE": "#212121", "HOVER": "rgba(3,169,244,0.2)"}

VS_CODE_RULES = """
@layer vscode-default {
  body {
    background-color: transparent; color: VAR_INK; font-family: system-ui; font-weight: normal; font-size: 13px;
    margin: 0; padding: 0 20px;
  }
  img, video { max-width: 100%; max-height: 100%; }
  input:focus { outline: 1px solid -webkit-focus-ring-color; outline-offset: -1px; }
}
#container > div > div > div.output { font-size: 14px; box-sizing: border-box; }
#container > div > div:not(.preview) > div { overflow-x: auto; }
body { padding: 0px; height: 100%; width: 100%; }
table, thead, tr, th, td, tbody {
  border: none !important; border-color: transparent; border-spacing: 0; border-collapse: collapse;
}
table, th, tr { vertical-align: middle; text-align: right; }
thead { font-weight: bold; background-color: rgba(130, 130, 130, 0.16); }
th, td { padding: 4px 8px; }
tr:nth-child(even) { background-color: rgba(130, 130, 130, 0.08); }
tbody th { font-weight: normal; }
"""
EARLIER_VS_CODE_RULES = f"""{VS_CODE_RULES}
table {{ width: 100%; }}
table, th, tr {{ text-align: left !important; }}
"""
CLASSIC_RULES = """
html { font-size: 10px; }
*, *::before, *::after { box-sizing: border-box; }
label { display: inline-block; max-width: 100%; margin-bottom: 5px; font-weight: bold; }
button, input { font-family: inherit; font-size: inherit; line-height: inherit; }
""" + JUPYTERLAB_RULES.replace("jp-RenderedHTMLCommon", "rendered_html")

VS_CODE_BODY = (
    '<div id="container"><div class="cell_container"><div class="output_container"><div class="output">{}</div></div>'
    "</div></div>"
)
JUPYTERLAB_BODY = (
    '<div class="jp-Cell"><div class="jp-OutputArea-output jp-RenderedHTMLCommon jp-RenderedHTML">{}</div></div>'
)
PLACE = '<div id="place" style="width:940px"></div>'


def host_page(rules: str, body: str, colors: dict[str, str], attributes: str = "") -> str:
    """A page with the rules of a host and a place for the output, 940 px wide."""
    for name, color in colors.items():
        rules = rules.replace(f"VAR_{name}", color)
    return (
        "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>notebook</title>"
        f"<style>{rules}</style></head><body {attributes}>{body.format(PLACE)}</body></html>"
    )


HOSTS = {
    "jupyterlab": host_page(JUPYTERLAB_RULES, JUPYTERLAB_BODY, LIGHT, 'data-jp-theme-light="true"'),
    "vs code": host_page(VS_CODE_RULES, VS_CODE_BODY, LIGHT, 'class="vscode-light"'),
    "earlier vs code": host_page(EARLIER_VS_CODE_RULES, VS_CODE_BODY, LIGHT, 'class="vscode-light"'),
    "classic": host_page(CLASSIC_RULES, '<div class="output_html rendered_html">{}</div>', LIGHT),
}
DARK_HOSTS = {
    "jupyterlab": host_page(JUPYTERLAB_RULES, JUPYTERLAB_BODY, DARK, 'data-jp-theme-light="false"'),
    "vs code": host_page(VS_CODE_RULES, VS_CODE_BODY, DARK, 'class="vscode-dark"'),
}

INSERT = """(output) => {
  const place = document.querySelector("#place");
  place.innerHTML = output; // scripts that come so do not run: the hosts run them again
  for (const script of [...place.getElementsByTagName("script")]) {
    const again = document.createElement("script");
    again.text = script.textContent;
    if (script.type) again.type = script.type;
    place.appendChild(again).parentNode.removeChild(again);
  }
}"""
INSERT_WITHOUT_SCRIPTS = """(output) => { document.querySelector("#place").innerHTML = output; }"""
