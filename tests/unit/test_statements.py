"""The statements: what they mean, and what people are told who mistype them."""

from __future__ import annotations

import pytest

from polardb_bridge.choices import ExistingAnnotations, ImageDelivery
from polardb_bridge.statements.errors import StatementError
from polardb_bridge.statements.masking import masked
from polardb_bridge.statements.parser import MAX_TEXT_LENGTH, parse, parse_script
from polardb_bridge.statements.syntax import (
    DeployModel,
    DropDeployment,
    ShowDeployment,
    ShowDeployments,
    ShowWhiteIps,
    Statement,
    UpdateWhiteIps,
)

TABLE = "polardb4ai_annotation_source_animal"
DEPLOY = DeployModel("Label-Studio", "mark_animal", "1", TABLE)
DOCUMENTED = """
/*polar4ai*/DEPLOY MODEL `Label-Studio` WITH (annotation_template_id = '1', annotation_source = 'polardb4ai_annotation_source_animal', deployment_name = 'mark_animal');
/*polar4ai*/SHOW DEPLOYMENT `mark_animal`;   /*polar4ai*/SHOW DEPLOYMENTS;
/*polar4ai*/UPDATE WHITEIPS `model_mark_animal` WITH (ips='118.178.1.2,192.168.100.0/24');
/*polar4ai*/SHOW WHITEIPS `model_mark_animal`;
/*polar4ai*/DROP DEPLOYMENT `mark_animal`;
"""
SYNTAX = "ERROR 1064 (42000): You have an error in your SQL syntax"
OPTIONS = (
    "annotation_template_id, annotation_source, deployment_name, title, image_delivery, existing_annotations,"
    " key_column, image, map, name_column, version_column, result_columns, result_table, query, filter"
)


def test_the_documented_statements_are_read() -> None:
    assert parse(DOCUMENTED) == [
        DEPLOY,
        ShowDeployment("mark_animal"),
        ShowDeployments(),
        UpdateWhiteIps("model_mark_animal", "118.178.1.2,192.168.100.0/24"),
        ShowWhiteIps("model_mark_animal"),
        DropDeployment("mark_animal"),
    ]


@pytest.mark.parametrize(
    ("text", "statement"),
    [
        ("show deployments", ShowDeployments()),
        ("\ufeffShow\r\n\tDeployments\u3000;;\r\n", ShowDeployments()),
        ("-- first\n# second\n/* third; 'fourth */ SHOW /**/ DEPLOYMENTS -- fifth", ShowDeployments()),
        ("SHOW\u2060 \u200dDEPLOYMENTS\u200e \u202c\u00a0", ShowDeployments()),
        ("SHOW DEPLOYMENTS\\G", ShowDeployments()),
        ("SHOW DEPLOYMENTS \\g\n", ShowDeployments()),
        ("SHOW DEPLOYMENTS;;\n;", ShowDeployments()),
        (r"SHOW DEPLOYMENTS LIKE 'mark\_%'", ShowDeployments("mark\\_%")),
        ("DROP DEPLOYMENT IF EXISTS x", DropDeployment("x", if_exists=True)),
        ("drop deployment if exists `if` with (force=1)", DropDeployment("if", force=True, if_exists=True)),
        ("SHOW DEPLOYMENT `like`", ShowDeployment("like")),
        ("SHOW DEPLOYMENT a--b", ShowDeployment("a--b")),
        ("SHOW DEPLOYMENT a-- b", ShowDeployment("a")),
        ("SHOW DEPLOYMENT 'mark-animal_2'", ShowDeployment("mark-animal_2")),
        ('SHOW DEPLOYMENT "deployment"', ShowDeployment("deployment")),
        ("SHOW DEPLOYMENT " + "n" * 64, ShowDeployment("n" * 64)),
        ("SHOW WHITEIPS model_" + "n" * 64, ShowWhiteIps("model_" + "n" * 64)),
        ("UPDATE WHITEIPS mark_animal WITH (ips='')", UpdateWhiteIps("mark_animal", "")),
        ("UPDATE WHITEIPS x WITH (IPS=\"::1,\n 10.0.0.0/8\")", UpdateWhiteIps("x", "::1,\n 10.0.0.0/8")),
        ("DROP DEPLOYMENT x WITH (force='TRUE')", DropDeployment("x", force=True)),
        ("DROP DEPLOYMENT x WITH (force=false)", DropDeployment("x")),
        (f"DEPLOY MODEL `Label-Studio` WITH (deployment_name='mark_animal', Annotation_Source=`{TABLE}`,"
         "annotation_template_id=1)", DEPLOY),
        *((f"DEPLOY MODEL {before}`m` WITH (annotation_template_id=1, annotation_source={source}){after}",
           DeployModel("m", "m", "1", "animals", database=database, if_not_exists=bool(before or after)))
          for before, after in (("IF NOT EXISTS ", ""), ("", " IF NOT EXISTS"), ("", ""))
          for source, database in (("'animals'", None), ("'`animals`'", None), ("'shop.animals'", "shop"),
                                   ("'`shop`.`animals`'", "shop"), ("`shop`.`animals`", "shop"), ("`animals`", None))),
        ("DEPLOY MODEL mark WITH (annotation_template_id='animals', annotation_source='标注表')",
         DeployModel("mark", "mark", "animals", "标注表")),
        (r"""DEPLOY MODEL m WITH (annotation_template_id=1, annotation_source='t', image_delivery='LINK',"""
         r""" existing_annotations='ignore', title='it''s \'10\%\' \\ \"动物，标注\"')""",
         DeployModel("m", "m", "1", "t", "it's '10\\%' \\ \"动物，标注\"", ImageDelivery.LINK, ExistingAnnotations.IGNORE)),
    ],
)  # fmt: skip
def test_one_meaning_in_many_forms(text: str, statement: Statement) -> None:
    assert parse(text) == [statement]
    assert parse(str(statement)) == [statement]


def test_each_statement_of_a_script_may_ask_for_a_value_a_line() -> None:
    entries = parse_script("SHOW DEPLOYMENT a\\G\nSHOW DEPLOYMENT b;SHOW DEPLOYMENTS\\G;")
    assert [(str(entry.statement), entry.is_vertical) for entry in entries] == [
        ("SHOW DEPLOYMENT `a`", True),
        ("SHOW DEPLOYMENT `b`", False),
        ("SHOW DEPLOYMENTS", True),
    ]


def test_titles_keep_the_characters_that_scripts_need() -> None:
    title = "\U0001f469\u200d\U0001f52c \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    [statement] = parse(f"DEPLOY MODEL m WITH (annotation_template_id=1, annotation_source='t', title='{title}')")
    assert isinstance(statement, DeployModel)
    assert statement.title == title


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "ERROR 1065 (42000): Query was empty at the end, line 1 column 1: expected DEPLOY, SHOW, UPDATE or DROP"),
        ("/* only this */ ;\n", "ERROR 1065 (42000): Query was empty at the end, line 2 column 1: expected DEPLOY, SHOW, UPDATE or DROP"),
        ("SELECT 1", f"{SYNTAX} near 'SELECT 1', line 1 column 1: expected DEPLOY, SHOW, UPDATE or DROP"),
        ("DEPLOY MODEL ab WIT (a=1)", f"{SYNTAX} near 'WIT (a=1)', line 1 column 17: expected WITH"),
        ("DEPLOY MODEL ab", f"{SYNTAX} at the end, line 1 column 16: expected WITH"),
        ("DEPLOY `MODEL` ab", f"{SYNTAX} near '`MODEL` ab', line 1 column 8: expected MODEL"),
        ("SHOW\r\n  TABLES;", f"{SYNTAX} near 'TABLES;', line 2 column 3: expected DEPLOYMENT, DEPLOYMENTS or WHITEIPS"),
        ("SHOW DEPLOYMENT", f"{SYNTAX} at the end, line 1 column 16: expected the deployment's name"),
        ("SHOW DEPLOYMENT a.b", f"{SYNTAX} near '.b', line 1 column 18: expected ; or the end of the statement"),
        ("DROP DEPLOYMENT a DROP DEPLOYMENT b", f"{SYNTAX} near 'DROP DEPLOYMENT b', line 1 column 19: expected ; or the end of the statement"),
        ("DROP DEPLOYMENT a WITH force='true'", f"{SYNTAX} near 'force='true'', line 1 column 24: expected ("),
        ("DROP DEPLOYMENT a WITH (force 'true')", f"{SYNTAX} near ''true')', line 1 column 31: expected ="),
        ("DROP DEPLOYMENT a WITH (force=)", f"{SYNTAX} near ')', line 1 column 31: expected a value for force"),
        ("DROP DEPLOYMENT a WITH (force='true'", f"{SYNTAX} at the end, line 1 column 37: expected ',' or ')'"),
        ("DROP DEPLOYMENT a WITH (force='true',)", f"{SYNTAX} near ')', line 1 column 38: expected an option (force)"),
        ("SHOW DEPLOYMENT 'mark", f"{SYNTAX} near ''mark', line 1 column 17: expected ' at the end of the string that begins here"),
        ("SHOW DEPLOYMENT `mark'", f"{SYNTAX} near '`mark'', line 1 column 17: expected ` at the end of the name that begins here"),
        ("SHOW DEPLOYMENTS /* ;", f"{SYNTAX} near '/* ;', line 1 column 18: expected */ at the end of the comment that begins here"),
        ("SHOW DEPLOYMENT `a b`", "ERROR 1210 (HY000): Incorrect arguments to SHOW DEPLOYMENT near '`a b`', line 1 column 17: the deployment's name must be 1 to 64 letters (a-z, A-Z), digits, _ and -"),
        ("SHOW DEPLOYMENT " + "n" * 65, f"ERROR 1210 (HY000): Incorrect arguments to SHOW DEPLOYMENT near '{'n' * 40}…', line 1 column 17: the deployment's name must be 1 to 64 letters (a-z, A-Z), digits, _ and -"),
        ("SHOW WHITEIPS ''", "ERROR 1210 (HY000): Incorrect arguments to SHOW WHITEIPS near '''', line 1 column 15: the allow-list's name must be 1 to 70 letters (a-z, A-Z), digits, _ and -"),
        ("SHOW DEPLOYMENT `mark\x00\ud800`", "ERROR 1210 (HY000): Incorrect arguments to SHOW DEPLOYMENT near '`mark\\x00\\ud800`', line 1 column 17: the deployment's name must be 1 to 64 letters (a-z, A-Z), digits, _ and -"),
        # options
        ("DEPLOY MODEL m WITH (source='t')", f"ERROR 1210 (HY000): Incorrect arguments to DEPLOY MODEL near 'source='t')', line 1 column 22: there is no option 'source'; expected {OPTIONS}"),
        ("DEPLOY MODEL m WITH (anotation_source='t')", f"ERROR 1210 (HY000): Incorrect arguments to DEPLOY MODEL near 'anotation_source='t')', line 1 column 22: there is no option 'anotation_source'; did you mean annotation_source? expected {OPTIONS}"),
        ("DEPLOY MODEL m WITH (annotation_source='t')", "ERROR 1210 (HY000): Incorrect arguments to DEPLOY MODEL near ')', line 1 column 43: expected the option annotation_template_id, which is missing"),
        ("DEPLOY MODEL m WITH (annotation_template_id=1)", "ERROR 1210 (HY000): Incorrect arguments to DEPLOY MODEL near ')', line 1 column 46: expected the option annotation_source, which is missing"),
        ("DEPLOY MODEL m WITH (title='a', Title='b')", "ERROR 1210 (HY000): Incorrect arguments to DEPLOY MODEL near 'Title='b')', line 1 column 33: expected each option once, but title is repeated"),
        ("DEPLOY MODEL m WITH (annotation_template_id=-1)", "ERROR 1210 (HY000): Incorrect arguments to DEPLOY MODEL near '-1)', line 1 column 45: for annotation_template_id, expected a template's id, such as 1 or '1'"),
        ("DEPLOY MODEL m WITH (annotation_template_id=' ')", "ERROR 1210 (HY000): Incorrect arguments to DEPLOY MODEL near '' ')', line 1 column 45: for annotation_template_id, expected a string that is not empty"),
        ("DEPLOY MODEL m WITH (annotation_source=5)", "ERROR 1210 (HY000): Incorrect arguments to DEPLOY MODEL near '5)', line 1 column 40: for annotation_source, expected a string in quotes"),
        ("DEPLOY MODEL m WITH (annotation_source='a b')", "ERROR 1210 (HY000): Incorrect arguments to DEPLOY MODEL near ''a b')', line 1 column 40: for annotation_source, expected a table's name of 1 to 64 letters, digits, _, $ and -"),
        ("DEPLOY MODEL m WITH (deployment_name=m)", "ERROR 1210 (HY000): Incorrect arguments to DEPLOY MODEL near 'm)', line 1 column 38: for deployment_name, expected a name in quotes"),
        ("DEPLOY MODEL m WITH (deployment_name='动物')", "ERROR 1210 (HY000): Incorrect arguments to DEPLOY MODEL near ''动物')', line 1 column 38: for deployment_name, expected 1 to 64 letters (a-z, A-Z), digits, _ and -"),
        ("DEPLOY MODEL m WITH (title='a\\0b')", "ERROR 1210 (HY000): Incorrect arguments to DEPLOY MODEL near ''a\\0b')', line 1 column 28: for title, expected a string without control characters"),
        ("DEPLOY MODEL m WITH (title='\udc00')", "ERROR 1210 (HY000): Incorrect arguments to DEPLOY MODEL near ''\\udc00')', line 1 column 28: for title, expected a string without halves of characters (surrogates)"),
        ("DEPLOY MODEL m WITH (image_delivery='fast')", "ERROR 1210 (HY000): Incorrect arguments to DEPLOY MODEL near ''fast')', line 1 column 37: for image_delivery, expected 'auto', 'data_uri' or 'link'"),
        ("DEPLOY MODEL m WITH (existing_annotations=NULL)", "ERROR 1210 (HY000): Incorrect arguments to DEPLOY MODEL near 'NULL)', line 1 column 43: for existing_annotations, expected 'annotations', 'predictions' or 'ignore'"),
        ("DROP DEPLOYMENT m WITH (force=2)", "ERROR 1210 (HY000): Incorrect arguments to DROP DEPLOYMENT near '2)', line 1 column 31: for force, expected 'true' or 'false'"),
        ("UPDATE WHITEIPS m WITH (ips=118.178.1.2)", "ERROR 1210 (HY000): Incorrect arguments to UPDATE WHITEIPS near '118.178.1.2)', line 1 column 29: for ips, expected a string in quotes"),
        # habits that are not known, and characters that nobody sees
        ("DROP DEPLOYMENT IF x", f"{SYNTAX} near 'x', line 1 column 20: expected EXISTS"),
        ("DROP DEPLOYMENT IF NOT EXISTS x", f"{SYNTAX} near 'NOT EXISTS x', line 1 column 20: expected EXISTS"),
        ("SHOW DEPLOYMENT LIKE 'x%'", f"{SYNTAX} near 'LIKE 'x%'', line 1 column 17: expected the deployment's name"),
        ("SHOW DEPLOYMENTS WHERE name = 'x'", f"{SYNTAX} near 'WHERE name = 'x'', line 1 column 18: expected ; or the end of the statement"),
        ("SHOW DEPLOYMENTS LIKE x", f"{SYNTAX} near 'x', line 1 column 23: expected a pattern in quotes, such as 'mark%'"),
        ("DEPLOY MODEL IF EXISTS m", f"{SYNTAX} near 'EXISTS m', line 1 column 17: expected NOT"),
        ("DEPLOY MODEL m WITH (annotation_source='a.b.c')", "ERROR 1210 (HY000): Incorrect arguments to DEPLOY MODEL near ''a.b.c')', line 1 column 40: for annotation_source, expected a table's name of 1 to 64 letters, digits, _, $ and -"),
        ("DEPLOY MODEL m WITH (annotation_template_id='1\u200b')", "ERROR 1210 (HY000): Incorrect arguments to DEPLOY MODEL near ''1\\u200b')', line 1 column 45: for annotation_template_id, expected a value without invisible characters such as U+200B (zero width space)"),
        ("SHOW DEPLOYMENT `a\u202eb`", "ERROR 1210 (HY000): Incorrect arguments to SHOW DEPLOYMENT near '`a\\u202eb`', line 1 column 17: the deployment's name must be a value without invisible characters such as U+202E (right-to-left override)"),
        # typed with a Chinese input method
        ("DEPLOY MODEL m WITH （title='t')", f"{SYNTAX} near '（title='t')', line 1 column 21: expected (; （ is a full-width character of a Chinese input method: type ("),
        ("DEPLOY MODEL m WITH (title=‘t’)", f"{SYNTAX} near '‘t’)', line 1 column 28: expected a value for title; ‘ is a full-width character of a Chinese input method: type '"),
        ("DEPLOY MODEL m WITH (title='t’)", f"{SYNTAX} near ''t’)', line 1 column 28: expected ' at the end of the string that begins here; ’ is a full-width character of a Chinese input method: type '"),
        ("DEPLOY MODEL m WITH (title='t'，image_delivery='link')", f"{SYNTAX} near '，image_delivery='link')', line 1 column 31: expected ',' or ')'; ， is a full-width character of a Chinese input method: type ,"),
        ("SHOW DEPLOYMENTS；", f"{SYNTAX} near '；', line 1 column 17: expected ; or the end of the statement; ； is a full-width character of a Chinese input method: type ;"),
        ("SHOW DEPLOYMENTS。", f"{SYNTAX} near '。', line 1 column 17: expected ; or the end of the statement; 。 is a full-width character of a Chinese input method: type ;"),
        ("SHOW DEPLOYMENT mark。 \nSHOW DEPLOYMENTS", f"{SYNTAX} near '。 SHOW DEPLOYMENTS', line 1 column 21: expected ; or the end of the statement; 。 is a full-width character of a Chinese input method: type ;"),
        ("DEPLOY MODEL m WITH (annotation_source=`a`。`b`)", f"{SYNTAX} near '。`b`)', line 1 column 43: expected ',' or ')'; 。 is a full-width character of a Chinese input method: type ."),
        # comments that servers run
        ("/*!50000 SHOW DEPLOYMENTS", f"{SYNTAX} near '/*!50000 SHOW DEPLOYMENTS', line 1 column 1: expected */ at the end of the comment that begins here"),
        ("/*!50000 SHOW TABLES */", f"{SYNTAX} near 'TABLES */', line 1 column 15: expected DEPLOYMENT, DEPLOYMENTS or WHITEIPS"),
        ("SHOW DEPLOYMENTS */", f"{SYNTAX} near '*/', line 1 column 18: expected ; or the end of the statement"),
        ("SHOW DEPLOYMENT ｍark", "ERROR 1210 (HY000): Incorrect arguments to SHOW DEPLOYMENT near 'ｍark', line 1 column 17: the deployment's name must be 1 to 64 letters (a-z, A-Z), digits, _ and -; ｍ is a full-width character of a Chinese input method: type m"),
        # secrets
        ("DEPLOY MODEL m WITH (password='hunter2', title='t')", f"ERROR 1210 (HY000): Incorrect arguments to DEPLOY MODEL near 'password=***, title='t')', line 1 column 22: there is no option 'password'; expected {OPTIONS}"),
        ("DEPLOY MODEL m WITH (title='t', password 'hunter2')", f"ERROR 1210 (HY000): Incorrect arguments to DEPLOY MODEL near 'password ***)', line 1 column 33: there is no option 'password'; expected {OPTIONS}"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place_and_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(StatementError) as found:
        parse(text)
    assert str(found.value) == message
    assert f"line {found.value.line} column {found.value.column}" in message
    assert message == f"ERROR {found.value.code} ({found.value.sqlstate}): {found.value.message}"


@pytest.mark.parametrize(
    "text",
    [
        "/*!50000 SHOW DEPLOYMENTS */",
        "/*!50000 SHOW DEPLOYMENTS */;",
        "/*! SHOW DEPLOYMENTS; */",
        "SHOW /*!40101 DEPLOYMENTS*/;",
        "/*M!100100 SHOW DEPLOYMENTS */;",
        "/*!999999SHOW DEPLOYMENTS*/",
        "/*!50000 SHOW /* which */ DEPLOYMENTS */ /* all */",
        "/*polar4ai*/ /*!50000 SHOW DEPLOYMENTS */",
    ],
)
def test_what_servers_run_inside_of_a_comment_is_run(text: str) -> None:
    assert parse(text) == [ShowDeployments()]


def test_a_mistake_is_counted_in_the_whole_text() -> None:
    with pytest.raises(StatementError) as found:
        parse("SHOW DEPLOYMENTS;;\nSHOW\nDEPLOYMENTS;\n\n  DROP mark_animal;")
    error = found.value
    assert (error.number, error.line, error.column, error.ran) == (3, 5, 8, 0)


def test_a_text_without_end_is_not_read() -> None:
    assert parse("SHOW DEPLOYMENTS" + " " * (MAX_TEXT_LENGTH - 16)) == [ShowDeployments()]
    with pytest.raises(StatementError, match=r"1153 \(08S01\): The text has more than 1048576 characters"):
        parse(" " * (MAX_TEXT_LENGTH + 1))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("WITH (title = 'x', password = 'a''b\\'c', ips='')", "WITH (title = 'x', password = ***, ips='')"),
        ("WITH (my_Password=\"a\", `secret_key` = b, 'token': 'c')", "WITH (my_Password=***, `secret_key` = ***, 'token': ***)"),
        ("PASSWORD 'a' passwd\n'b'", "PASSWORD *** passwd\n***"),
        ("WITH (密码＝“a”，password=‘b’)", "WITH (密码＝***，password=***)"),
        ("WITH (title='x, password='hunter2')", "WITH (title='x, password=***)"),
        ("password = 'never closed, …", "password = ***"),
        ("DROP DEPLOYMENT `secret_project` WITH (force='true')", "DROP DEPLOYMENT `secret_project` WITH (force='true')"),
        ("WITH (annotation_source = 'tokens', title='a')", "WITH (annotation_source = 'tokens', title='a')"),
        ("password=", "password="),
    ],
)  # fmt: skip
def test_secrets_are_masked_wherever_they_stand(text: str, shown: str) -> None:
    assert masked(text) == shown
    for start in range(len(text)):
        for secret in ("hunter2", "a''b", "never"):
            assert secret not in masked(text, start)
