"""Labeling configs that people write themselves: `{"label_config": "<View>…</View>"}`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import label_studio
import pytest
import yaml

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.labeling import labeling_config, labels_of

IMAGE = '<Image name="image" value="$image"/>'
CHOICES = '<Choices name="label" toName="image"><Choice value="cat"/></Choices>'
GALLERY = Path(label_studio.__file__).parent / "annotation_templates"
# They have tags of the Enterprise edition; one lists a choice twice.
NOT_OURS = {"chat_eval", "chat_llm_eval", "chat_red_team", "chat_rlhf", "chatbot", "pdf_ocr", "document-retrieval"}
CONFIGS = sorted(GALLERY.glob("**/config.yml"))


def refusal(config: Any) -> str:
    with pytest.raises(InvalidInputError) as refused:
        labeling_config({"label_config": config})
    assert refused.value.field == "tp_schema.label_config"
    return str(refused.value)


@pytest.mark.parametrize(
    "config",
    [
        f"<View>{IMAGE}{CHOICES}</View>",
        f"  <!-- ours -->\n<View>\n\t<Style>.a > .b {{}}</Style>{IMAGE}{CHOICES}<!-- {{}} --></View>\n",
        f"<View>{IMAGE}<TextArea name='t' toName='image'/></View>",
        '<View><Image name="i" valueList="$images"/><Rating name="r" toName="i"/></View>',
        '<View><HyperText name="h" value="$html"><p>a <b>b</b></p></HyperText><Rating name="r" toName="h"/></View>',
        f'<View><Repeater on="$pages" indexFlag="{{{{i}}}}">{IMAGE}</Repeater>{CHOICES}</View>',
        f'<View>{IMAGE}<Taxonomy name="t" toName="image"><Choice value="A"><Choice value="x"/></Choice>'
        '<Choice value="B"><Choice value="x"/></Choice></Taxonomy></View>',
        f'<View>{IMAGE}<Choices name="c" toName="image"><Choice value="JavaScript: the good parts"/>'
        '<Choice value="&lt;script>"/><Choice value="one on=two"/></Choices></View>',
    ],
)
def test_it_is_taken_as_it_is(config: str) -> None:
    assert labeling_config({"label_config": config}) == config


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.parent.name)
def test_label_studios_own_templates_are_taken(path: Path) -> None:
    """Where this fails, the gallery has new ones: see what the editor of this edition shows."""
    config = yaml.safe_load(path.read_text(encoding="utf-8"))["config"]
    if path.parent.name in NOT_OURS:
        refusal(config)
    else:
        assert labeling_config({"label_config": config}) == config


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (None, "is not a string but null"),
        ({}, "is not a string but an object"),
        ("", "is empty"),
        (" \n", "is empty"),
        ("View", "is not XML: syntax error: line 1, column 0"),
        (f"<View>{IMAGE}<b></View>", "is not XML: mismatched tag: line 1"),
        (f"<View>{IMAGE}{CHOICES}</View><View/>", "is not XML: junk after document element"),
        ("<View>&nbsp;</View>", "is not XML: undefined entity"),
        ('<View name="a" name="b"/>', "is not XML: duplicate attribute"),
        ("<View>\x00</View>", "has a character that XML cannot hold"),
        ("<View>\ud800</View>", "has a character that XML cannot hold"),
        ('<!DOCTYPE v [<!ENTITY a "aa">]><View>&a;</View>', "has a <!DOCTYPE"),
        ("<?xml version='1.0' encoding='utf-16'?><View/>", "has a <?"),
        (CHOICES, "begins with <Choices>"),
        ("<View/>", "has nothing to label with"),
        (f"<View>{IMAGE}</View>", "has nothing to label with"),
        (f"<View>{CHOICES}</View>", "shows nothing of a task"),
        (f'<View><Image name="image" value="https://a.example/b.png"/>{CHOICES}</View>', "shows nothing of a task"),
        (f"<View>{IMAGE}{CHOICES}<Choises/></View>", "has a <Choises>, which Label Studio's editor does not know"),
        (f"<View>{IMAGE}{CHOICES}<div/></View>", "has a <div>"),
    ],
)
def test_what_nobody_could_label_with_is_refused(config: Any, said: str) -> None:
    assert f"tp_schema: label_config {said}" in refusal(config)


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("<script>alert(1)</script>", "has a <script>"),
        ("<Script/>", "has a <Script>"),
        ('<iframe src="https://a.example"/>', "has a <iframe>"),
        ('<ReactCode name="r" toName="image"/>', "has a <ReactCode>"),
        ('<CustomInterface name="r" toName="image"/>', "has a <CustomInterface>"),
        ('<View onclick="alert(1)"/>', "has the attribute onclick"),
        (
            '<HyperText name="h" value="$h"><a href=" javascript:alert(1)">x</a></HyperText>',
            "a script in the attribute href",
        ),
        ('<HyperText name="h" value="$h"><b onload="x"/></HyperText>', "has the attribute onload"),
        ('<HyperText name="h" value="$h"><p><script/></p></HyperText>', "has a <script>"),
        ('<HyperText name="h"><![CDATA[<script>alert(1)</script>]]></HyperText>', "has a script in <HyperText>"),
        ('<HyperText name="h" value="&lt;img src=x onerror=alert(1)>"/>', "has a script in the attribute value"),
        ('<Header value="x" html="&lt;svg/onload=alert(1)>"/>', "has a script in the attribute html"),
    ],
)
def test_no_script_comes_in(tag: str, said: str) -> None:
    assert said in refusal(f"<View>{IMAGE}{CHOICES}{tag}</View>")


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["cat", "cat"], "lists a label of 'label' twice ('cat')"),
        (["cat", "dog", "cat "], "has two labels of 'label' that look alike ('cat' and 'cat ')"),
        (["cat", ""], "has a label of 'label' that nobody sees ('')"),
        (["\u200b"], "has a label of 'label' that nobody sees ('\\u200b')"),
    ],
)
def test_labels_can_be_told_apart(labels: list[str], said: str) -> None:
    tags = "".join(f'<Choice value="{label}"/>' for label in labels)
    assert said in refusal(f'<View>{IMAGE}<Choices name="label" toName="image">{tags}</Choices></View>')


def test_its_labels_are_those_of_all_its_controls() -> None:
    config = (
        f'<View>{IMAGE}{CHOICES}<RectangleLabels name="box" toName="image"><Label value="cat"/><Label value="猫"/>'
        "</RectangleLabels></View>"
    )
    assert labels_of({"label_config": config, "labels": ["old"]}) == ["cat", "猫"]


def test_a_deep_or_long_one_takes_no_time() -> None:
    deep = "<View>" * 50_000 + IMAGE + CHOICES + "</View>" * 50_000
    assert labeling_config({"label_config": deep}) == deep
