"""Why a step runs, in words."""

from scs_build.plan.reasons import difference


def test_equal_facts_give_no_reason():
    assert difference({"deb:openssl": "3 a"}, {"deb:openssl": "3 a"}) == []


def test_a_new_version_is_named_with_the_old_one():
    before, now = {"deb:openssl": "3.5.1 aa"}, {"deb:openssl": "3.5.2 bb"}
    assert difference(before, now) == ["lock changed: openssl 3.5.1 -> 3.5.2"]


def test_the_same_version_with_other_bytes_says_so():
    before, now = {"wheel:six": "1.17 aa"}, {"wheel:six": "1.17 bb"}
    assert difference(before, now) == ["lock changed: six 1.17 has other bytes"]


def test_added_and_removed_packages_are_named_in_order():
    before, now = {"deb:b:install": "2 x"}, {"deb:a": "1 y"}
    assert difference(before, now) == ["lock changed: a 1 added", "lock changed: b 2 removed"]


def test_the_lock_that_changed_is_named_where_it_is_not_the_images_own():
    before, now = {"interpreter/deb:python3.13": "3.13.5 a"}, {"interpreter/deb:python3.13": "3.13.6 b"}
    assert difference(before, now) == ["lock of the interpreter changed: python3.13 3.13.5 -> 3.13.6"]


def test_files_and_fields_of_a_recipe_are_named():
    before, now = {"file:uwsgi.ini": "a", "recipe:users": "x"}, {"file:uwsgi.ini": "b", "recipe:users": "y"}
    assert difference(before, now) == ["file changed: files/uwsgi.ini", "recipe changed: users"]
