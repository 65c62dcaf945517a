import pytest
import torch

from hbi.data.samples import DataError
from hbi.evaluation.rank_files import RankedQuery, pair_ranks, ranked_queries, ranks_csv, ranks_of, read_ranks
from hbi.evaluation.ranks import ranks

QUERIES = [RankedQuery("v1", 2.5, 'a "red", ball\nfalls'), RankedQuery("v0", 1.0, "日本 🙂"), RankedQuery("v1", 3.0)]


def test_what_is_written_is_read(tmp_path):
    (tmp_path / "ranks.csv").write_text(ranks_csv(QUERIES), encoding="utf-8")
    assert read_ranks(tmp_path / "ranks.csv") == QUERIES


def test_pairs_know_which_queries_share_a_video(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text(ranks_csv(QUERIES), encoding="utf-8")
    paired = pair_ranks(tmp_path / "a", tmp_path / "b")
    assert paired.first.expected.tolist() == paired.second.expected.tolist() == [2.5, 1.0, 3.0]
    assert paired.videos.tolist() == [0, 1, 0]


def test_ties_are_not_lost_in_a_file(tmp_path):
    torch.manual_seed(0)
    relevance = torch.rand(50, 20) < 0.3
    relevance[:, 0] = True
    found = ranks(torch.randint(0, 4, (50, 20)).float(), relevance)
    queries = ranked_queries([(f"v{row}", "a text") for row in range(50)], found)
    (tmp_path / "ranks.csv").write_text(ranks_csv(queries))
    read = ranks_of(read_ranks(tmp_path / "ranks.csv"))
    for name in ("num_better", "num_tied", "num_right"):
        assert torch.equal(getattr(read, name), getattr(found, name))


def test_a_file_from_before_ties_were_counted_is_read_as_it_was(tmp_path):
    (tmp_path / "ranks.csv").write_text("video_id,rank,text\nv0,1.0,a\nv1,5.5,b\n")
    read = ranks_of(read_ranks(tmp_path / "ranks.csv"))
    assert read.expected.tolist() == [1.0, 5.5]
    assert [read.within(k).tolist() for k in (1, 5, 6)] == [[1.0, 0.0], [1.0, 0.0], [1.0, 1.0]]


@pytest.mark.parametrize("ties", ["-1,1", "1,0", "x,1", "1,", "1.5,2", "9,1"])
def test_damaged_ties_are_one_clear_line(tmp_path, ties):
    (tmp_path / "ranks.csv").write_text(f"video_id,rank,text,tied,right\nv,1.5,x,{ties}\n")
    with pytest.raises(DataError, match=r"line 2.*run hbi evaluate"):
        read_ranks(tmp_path / "ranks.csv")


@pytest.mark.parametrize(
    "content", ["", "a,b\n1,2\n", "video_id,rank,text\nv,first,x\n", "video_id,rank,text\n", "v\0"]
)
def test_a_damaged_table_is_one_clear_line(tmp_path, content):
    (tmp_path / "ranks.csv").write_text(content)
    with pytest.raises(DataError, match="hbi evaluate"):
        read_ranks(tmp_path / "ranks.csv")


def test_a_missing_table_and_other_queries_are_refused(tmp_path):
    with pytest.raises(DataError, match="run hbi evaluate"):
        read_ranks(tmp_path / "none.csv")
    (tmp_path / "a").write_text(ranks_csv(QUERIES))
    (tmp_path / "b").write_text(ranks_csv(QUERIES[:2]))
    with pytest.raises(DataError, match="same split"):
        pair_ranks(tmp_path / "a", tmp_path / "b")
