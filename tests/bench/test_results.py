from bench.results import Results, from_json


def measured(**peers: list[float | None]) -> Results:
    results = Results({"date": "2030-01-01"})
    for peer, values in peers.items():
        for value in values:
            results.add("fanout", peer, {(1, "cpu_us"): value})
    return results


def test_rounds_are_kept_in_their_order() -> None:
    assert measured(ours=[3.0, 1.0, 2.0]).values("fanout", 1, "ours", "cpu_us") == [3.0, 1.0, 2.0]


def test_ratio_is_the_median_of_the_rounds_ratios_not_the_ratio_of_medians() -> None:
    found = measured(ours=[1.0, 5.0, 30.0], node=[10.0, 10.0, 10.0]).ratio("fanout", 1, "cpu_us", "ours", "node")

    assert found is not None
    assert found.median == 0.5


def test_what_was_not_measured_has_no_ratio() -> None:
    assert measured(ours=[1.0]).ratio("fanout", 1, "cpu_us", "ours", "node") is None


def test_what_failed_in_half_of_the_rounds_has_no_middle() -> None:
    assert measured(ours=[1.0, None]).spread("fanout", 1, "ours", "cpu_us") is None
    found = measured(ours=[1.0, None, 3.0]).spread("fanout", 1, "ours", "cpu_us")
    assert found is not None
    assert found.median == 2.0


def test_a_condition_is_compared_with_another_round_by_round() -> None:
    results = Results()
    for few, many in ((100.0, 110.0), (200.0, 180.0), (100.0, 100.0)):
        results.add("disconnect", "ours", {(100, "cpu_us"): few, (100_000, "cpu_us"): many})

    found = results.across("disconnect", "cpu_us", "ours", 100_000, 100)

    assert found is not None
    assert found.median == 1.0


def test_what_is_written_can_be_read_again() -> None:
    results = measured(ours=[1.5, None], node=[12345.678])

    again = from_json(results.to_json())

    assert again.about == results.about
    assert again.values("fanout", 1, "ours", "cpu_us") == [1.5, None]
    assert again.values("fanout", 1, "node", "cpu_us") == [12345.7]


def test_peers_and_conditions_are_listed_once_in_the_order_of_measuring() -> None:
    results = measured(node=[1.0, 1.0], ours=[2.0])
    results.add("fanout", "ours", {(64, "cpu_us"): 1.0, (64, "per_s"): 1.0})

    assert results.peers("fanout", "cpu_us") == ["node", "ours"]
    assert results.conditions("fanout", "cpu_us") == [1, 64]
