"""Pages in a real browser: open, filter, read an episode, compare two evaluations, label by keys alone, with the server killed in
between. `look.py RLEF [PICTURES]`: the program, and a folder for a picture of every page, light, dark and on a phone.

What it makes to look at is real: verdicts of the sandbox on the built-in problems' own programs and on spoilt ones, and a short
training. The labeller is a script that presses keys: what it labels means nothing."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse

from browser import Browser

RLEF = os.path.abspath(sys.argv[1])
PICTURES = pathlib.Path(sys.argv[2]).absolute() if len(sys.argv) > 2 else None
FAULTS = []
LOOKS = {"light": (1200, 900, False), "dark": (1200, 900, True), "phone": (390, 844, False)}


def rlef(*arguments):
    done = subprocess.run([RLEF, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"{arguments}: {done.stderr}"
    return done.stderr


class Server:
    """A verb that serves pages, until it is killed."""

    all = []

    def __init__(self, *arguments, port=0):
        self.process = subprocess.Popen([RLEF, *arguments, "--bind", f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        Server.all.append(self)
        said = ""
        for line in self.process.stderr:
            said += line
            found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found[1])
                self.at = f"http://127.0.0.1:{self.port}"
                return
        raise AssertionError(said)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def make():
    """Problems, two evaluations of two turns, answers to label, and a run."""
    rlef("contest", "--split", "test", "--problems", "24", "--out", "some.jsonl")
    problems = [json.loads(line) for line in open("some.jsonl")]
    right = [problem["references"][0]["source"].rstrip() for problem in problems]

    def fenced(source):
        return f"```python\n{source}\n```"

    def answers(name, wrong, rollouts):
        with open(f"{name}-answers.jsonl", "w") as file:
            for number, problem in enumerate(problems):
                for sample in range(rollouts):
                    spoilt = f"{right[number]}\nprint({sample})"
                    turns = [fenced(spoilt)] * 2 if wrong(number, sample) else [fenced(spoilt), fenced(right[number])]
                    file.write(json.dumps({"problem_id": problem["id"], "completions": turns}) + "\n")

    answers("old", lambda number, _: number % 3 == 0, 1)
    answers("new", lambda number, _: number % 4 == 0, 1)
    for name in ["old", "new"]:
        rlef("eval", "--policy", f"replay:{name}-answers.jsonl", "--problems", "some.jsonl", "--turns", "2", "--rollouts", "1",
             "--out", f"{name}.json", "--journal", f"{name}.jsonl")
    with open("sample-answers.jsonl", "w") as file:
        for number, problem in enumerate(problems):
            for sample in range(4):
                source = right[number] if sample % 2 == 0 else f"{right[number]}\nprint({sample})"
                text = fenced(f"# answer {sample}\n{source}")
                file.write(json.dumps({"problem_id": problem["id"], "completions": [text]}) + "\n")
    rlef("eval", "--policy", "replay:sample-answers.jsonl", "--problems", "some.jsonl", "--turns", "1", "--rollouts", "4", "--journal", "samples.jsonl")
    run = os.environ.get("RLEF_RUN")
    if run:
        os.makedirs("runs", exist_ok=True)
        subprocess.run(["cp", "-r", run, "runs/"], check=True)
    else:
        rlef("train", "--policy", os.path.join(HERE, "starter"), "--run", "runs/first", "--set", "rounds=4", "--set", "problems_per_round=8",
             "--set", "evaluation.problems=some.jsonl", "--set", "evaluation.rollouts=1")
    return "runs/" + os.listdir("runs")[0]


def pictures(browser, name, address):
    for look, (width, height, dark) in LOOKS.items():
        browser.look(width, height, dark)
        browser.open(address)
        over = browser.run("document.documentElement.scrollWidth - innerWidth")
        if over > 0:
            FAULTS.append(f"{name} is wider than a {look} screen by {over}")
        unnamed = browser.run("[...document.querySelectorAll('input, select, button')].filter((one) => one.type !== 'hidden' && "
                              "!one.labels?.length && !one.ariaLabel && !one.textContent.trim()).length")
        if unnamed:
            FAULTS.append(f"{name}: {unnamed} fields have no name")
        if PICTURES:
            browser.picture(PICTURES / f"{name}-{look}.png")
    browser.look(1200, 900, False)


def quoted(name):
    return urllib.parse.quote(name)


def looking(browser, run):
    server = Server("view", ".")
    for name, path in {
        "runs": "/",
        "run": f"/run?of={quoted(run)}",
        "episodes": f"/episodes?of={quoted(run)}",
        "episode": "/episode?of=old.jsonl&n=1",
        "learnt": f"/episode?of={quoted(run)}&n=0",
        "evaluations": "/evaluations",
        "evaluation": "/evaluation?of=old.json",
        "compare": "/compare?a=old.json&b=new.json",
        "problems": f"/problems?of={quoted(run)}",
        "problem": "/problem?of=old.jsonl&id=" + quoted(browser_problem()),
    }.items():
        pictures(browser, name, server.at + path)
    # By keys alone: to the filter, a problem's name, the first row, its episode, the next one.
    browser.open(f"{server.at}/episodes?of=old.jsonl")
    browser.key("/")
    for letter in "00004":
        browser.key(letter)
    browser.press("Enter")
    rows = browser.run("[...document.querySelectorAll('table.rows tbody tr')].length")
    assert rows == 1 and "problem=00004" in browser.run("location.search"), browser.run("location.href")
    assert "verdict" not in browser.run("location.search"), "what is empty is in the address"
    browser.key("j")
    browser.press("Enter")
    assert browser.run("location.pathname") == "/episode"
    assert browser.run("document.querySelectorAll('.turn').length") == 2
    assert browser.run("document.querySelector('.diff tr.del') !== null")
    number = browser.run("new URL(location).searchParams.get('n')")
    browser.press("j")
    assert int(browser.run("new URL(location).searchParams.get('n')")) == int(number) + 1
    browser.key("?")
    assert browser.run("document.getElementById('help').open")
    browser.key("Escape")
    # Two evaluations, chosen and set side by side.
    browser.open(f"{server.at}/evaluations")
    before = browser.loads
    browser.run("document.querySelector('input[name=a][value=\"old.json\"]').click();"
                "document.querySelector('input[name=b][value=\"new.json\"]').click();"
                "document.querySelector('main form button').click()")
    browser.loaded(before)
    counts = browser.run("[...document.querySelectorAll('h2 small')].slice(0, 2).map((one) => one.textContent)")
    # Of 24 every third fails in the old, every fourth in the new; both, every twelfth.
    assert counts == ["4", "6"], counts
    # The curves are drawn again when the run goes on.
    browser.open(f"{server.at}/run?of={quoted(run)}")
    drawn = browser.run("document.querySelectorAll('#curves polyline').length")
    assert drawn > 5, drawn
    path = pathlib.Path(run) / "metrics.jsonl"
    line = json.loads(path.read_text().splitlines()[-1])
    line["round"] += 1
    time.sleep(1.5)
    with open(path, "a") as file:
        file.write(json.dumps(line) + "\n")
    for _ in range(100):
        if "drawn again" in browser.run("document.getElementById('live').textContent"):
            break
        time.sleep(0.1)
    else:
        raise AssertionError("the curves were not drawn again")
    # First, so that the stream of a live page is not cut.
    browser.open("about:blank")
    server.kill()


def browser_problem():
    return json.loads(open("some.jsonl").readline())["id"]


def labels(path):
    return [one for one in map(json.loads, open(path)) if one["event"] in ("label", "undo")]


def labelling(browser):
    options = ["--journal", "samples.jsonl", "--problems", "some.jsonl"]
    server = Server("label", *options, "--out", "pairs.jsonl")
    pictures(browser, "label-start", server.at + "/")
    browser.open(server.at + "/")
    browser.run("document.querySelector('input[name=as]').focus()")
    for letter in "ann":
        browser.key(letter)
    browser.press("Enter")
    address = browser.run("location.href")
    pictures(browser, "label-pairs", address)
    browser.open(address)
    for keys in ["a7", "b", "t", "x3"]:
        for key in keys:
            browser.key(key)
        browser.press("Enter")
    browser.press("s")
    browser.press("u")
    assert len(labels("pairs.jsonl")) == 6
    # Chosen, and the server gone: it is said, nothing is lost, and Enter keeps it once the server is there again.
    browser.key("b")
    browser.key("e")
    assert browser.run("!document.querySelector('.execution').hidden")
    server.kill()
    browser.key("Enter")
    for _ in range(50):
        if "not kept yet" in browser.run("document.getElementById('word').textContent"):
            break
        time.sleep(0.1)
    else:
        raise AssertionError("that nothing was kept is not said")
    server = Server("label", *options, "--out", "pairs.jsonl", port=server.port)
    browser.press("Enter")
    kept = labels("pairs.jsonl")
    assert len(kept) == 7 and kept[-1]["saw_execution"], kept[-1]
    assert browser.run("document.body.dataset.count") == "5"
    for _ in range(200):
        if browser.run("document.body.dataset.keys") == "finished":
            break
        browser.key("a")
        browser.press("Enter")
    assert browser.run("document.body.dataset.keys") == "finished"
    items = {one["item"] for one in labels("pairs.jsonl") if one["event"] == "label"}
    assert len(items) == 48, len(items)
    server.kill()
    rlef("label", "--out", "pairs.jsonl", "--export", "preferences.jsonl", "--form", "hf")
    server = Server("label", *options, "--kind", "steps", "--out", "steps.jsonl")
    pictures(browser, "label-steps", server.at + "/label?as=ann")
    browser.open(server.at + "/label?as=ann")
    for key in "ggb":
        browser.key(key)
    browser.press("Enter")
    last = labels("steps.jsonl")[-1]
    assert last["said"] == {"marks": ["good", "good", "bad"]}, last
    server.kill()
    server = Server("label", *options, "--kind", "rankings", "--out", "rankings.jsonl")
    pictures(browser, "label-rankings", server.at + "/label?as=ann")
    browser.open(server.at + "/label?as=ann")
    for key in "1232":
        browser.key(key)
    browser.press("Enter")
    last = labels("rankings.jsonl")[-1]
    assert sorted(last["said"]["places"]) == [0, 1, 1, 2], last
    server.kill()
    rlef("label", "--out", "steps.jsonl", "--export", "prm.jsonl", "--form", "prm800k")


def report(browser, run):
    rlef("report", run, "--out", "report.html")
    pictures(browser, "report", "file://" + os.path.abspath("report.html"))


HERE = pathlib.Path(__file__).absolute().parent.parent
if PICTURES:
    PICTURES.mkdir(parents=True, exist_ok=True)
with tempfile.TemporaryDirectory() as folder:
    os.chdir(folder)
    found = make()
    page = Browser()
    try:
        looking(page, found)
        labelling(page)
        report(page, found)
        # A server that was killed on purpose refuses connections.
        faults = [fault for fault in page.faults if "ERR_CONNECTION_REFUSED" not in fault]
        faults += FAULTS
        assert not faults, "\n".join(faults)
    finally:
        page.close()
        for server in Server.all:
            server.kill()
print("every page was looked at, and the console is free of errors")
