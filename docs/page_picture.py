"""Takes a picture of a page of `keras_bert_layers.interpret.page` for these pages; needs playwright and Chromium.

python examples/explain.py --model runs/classify --texts reviews.txt --output explanation.html
python docs/page_picture.py explanation.html docs/images/interpret_page.png --text 1 --map "Layer 2, head 1"
"""

import argparse
import shutil
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--text", default="0", help="number of the text, from 0")
    parser.add_argument("--map", help="what the map is called, such as 'Layer 2, head 1'")
    parser.add_argument("--view", choices=("map", "lines"), default="map")
    parser.add_argument("--theme", choices=("light", "dark"), default="light")
    parser.add_argument("--width", type=int, default=1200)
    options = parser.parse_args()

    from PIL import Image
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        view = browser.new_page(viewport={"width": options.width, "height": 1200}, color_scheme=options.theme)
        view.goto(options.page.absolute().as_uri())
        view.wait_for_selector("html[data-ready]")
        if view.is_visible("#choice"):
            view.select_option("#choice", options.text)
        if options.map is not None:
            view.click(f'[role="gridcell"][aria-label="{options.map}"]')
        view.click(f"#view [data-value={options.view}]")
        view.mouse.move(0, 0)
        view.screenshot(path=options.picture, full_page=True)
        browser.close()
    # A page has few colours: 256 of them take a third of the space.
    with Image.open(options.picture) as picture:
        picture.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(options.picture, optimize=True)


if __name__ == "__main__":
    main()
