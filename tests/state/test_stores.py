"""What every state store promises, asked of each: what is written is there, who comes second is told, nothing is half."""

import threading

import pytest
import stores

from mlspec.backends.chosen import STORES
from mlspec.backends.state_store import Taken


@pytest.fixture(params=STORES.names())
def name(request):
    return request.param


@pytest.fixture
def chosen(name):
    return stores.options(name, stores.fresh())


@pytest.fixture
def another(name, chosen, tmp_path):
    """Opens the store again, as another process would."""
    made = []

    def again(environment="dev"):
        made.append(stores.opened(name, tmp_path, chosen, environment))
        return made[-1]

    yield again
    for store in made:
        store.close()


@pytest.fixture
def store(another):
    return another()


def test_nothing_yet(store):
    assert store.read("state") is None
    assert store.names("history") == ()
    assert store.lines(0) == ()


def test_a_text_is_read_as_it_was_written(store, another):
    text = "zwei ä\r\n\x01 \u2028 𝄞 \t'\"\\ \n"
    tag = store.write("state", text, None)
    assert (another().read("state").text, another().read("state").tag) == (text, tag)
    newer = store.write("state", text + "more", tag)
    assert newer != tag
    assert another().read("state").text == text + "more"


@pytest.mark.parametrize("tag", [None, "no-such-tag"])
def test_who_has_not_read_the_last_version_writes_nothing(store, another, tag):
    first = store.write("claims", "one", None)
    store.write("claims", "two", first)
    for stale in (tag, first):
        with pytest.raises(Taken):
            another().write("claims", "three", stale)
    assert store.read("claims").text == "two"


def test_what_is_not_there_cannot_be_replaced(store):
    with pytest.raises(Taken):
        store.write("state", "two", "no-such-tag")
    assert store.read("state") is None


def test_names_are_those_of_a_folder_in_order(store, another):
    for name in ("history/000010", "history/000002", "made/000001", "state"):
        store.write(name, name, None)
    assert another().names("history") == ("history/000002", "history/000010")
    assert another().read("history/000010").text == "history/000010"
    assert another().read("history/000011") is None


def test_lines_are_read_in_the_order_of_their_numbers(store, another):
    for number in (1, 2, 3):
        store.append(number, f"line {number} ä")
    another().append(4, "of another")
    assert another().lines(0) == ((1, "line 1 ä"), (2, "line 2 ä"), (3, "line 3 ä"), (4, "of another"))
    assert store.lines(2) == ((3, "line 3 ä"), (4, "of another"))
    assert store.lines(4) == ()


def test_a_number_is_given_once(store, another):
    store.append(1, "mine")
    other = another()
    with pytest.raises(Taken):
        other.append(1, "theirs")
    other.append(2, "theirs")
    with pytest.raises(Taken):
        store.append(2, "mine")
    assert store.lines(0) == ((1, "mine"), (2, "theirs"))


def test_what_is_trimmed_is_gone_and_the_rest_is_not(store, another):
    for number in range(1, 6):
        store.append(number, str(number))
    another().trim(3)
    assert store.lines(0) == ((4, "4"), (5, "5"))
    store.append(6, "6")
    assert another().lines(4) == ((5, "5"), (6, "6"))
    store.trim(0)
    store.trim(6)
    assert store.lines(0) == ()


def test_environments_do_not_meet(store, another):
    store.write("state", "of dev", None)
    store.append(1, "of dev")
    other = another("prod")
    assert other.read("state") is None
    assert other.lines(0) == ()
    other.write("state", "of prod", None)
    other.append(1, "of prod")
    assert (store.read("state").text, store.lines(0)) == ("of dev", ((1, "of dev"),))


def test_of_many_who_write_at_once_each_number_and_each_version_has_one(store, another):
    store.write("claims", "0", None)
    won: list[int] = []

    def work(mine):
        for _ in range(5):
            while True:
                kept = mine.read("claims")
                try:
                    mine.write("claims", str(int(kept.text) + 1), kept.tag)
                    break
                except Taken:
                    continue
            while True:
                number = max([0, *(n for n, _ in mine.lines(0))]) + 1
                try:
                    mine.append(number, "x")
                    won.append(number)
                    break
                except Taken:
                    continue

    threads = [threading.Thread(target=work, args=[another()]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.read("claims").text == "20"
    assert sorted(won) == list(range(1, 21))


def test_a_large_state_is_kept(store, another):
    text = "0123456789" * 400_000
    store.write("state", text, None)
    store.append(1, text)
    assert another().read("state").text == text
    assert another().lines(0) == ((1, text),)


def test_how_to_put_back_the_one_before_is_told(store):
    assert store.rescue
