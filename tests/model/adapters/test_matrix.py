"""Every config of `configs/model/adapter`, at every site, against every property.

Nothing here names a method: a new file of that group is found, and so is its oracle.
"""

from __future__ import annotations

import pytest

from mtl_ase.base.errors import UserError
from tests.model.adapters import network_properties, properties
from tests.model.adapters.cases import (
    NAMES,
    WIDTHS,
    default_sites,
    make_adapter,
    model_config,
    oracle_of,
    shipped,
)
from tests.model.adapters.properties import one_sentence


def by_name(checks):
    return pytest.mark.parametrize("check", checks, ids=lambda check: check.__name__)


every_adapter = pytest.mark.parametrize("name", NAMES)


def test_the_adapters_are_found():
    assert {"ase", "lora"} <= set(NAMES)
    assert "none" not in NAMES


@every_adapter
def test_it_has_an_oracle(name):
    assert oracle_of(name) is not None, f"write tests/model/adapters/oracles/{name}.py"


@every_adapter
def test_its_default_sites_take_it_and_other_sites_do_or_say_why(name):
    assert set(default_sites(name)) <= set(WIDTHS)
    for site in WIDTHS:
        try:
            make_adapter(name)(site=shipped(name, site).place())
        except UserError as refusal:
            assert site not in default_sites(name)
            one_sentence(refusal)


@by_name(properties.PROPERTIES)
@pytest.mark.parametrize("site", WIDTHS)
@every_adapter
def test_at_a_site(name, site, check):
    check(shipped(name, site))


@by_name(network_properties.PROPERTIES)
@every_adapter
def test_in_a_network(name, check):
    check(model_config(f"model/adapter={name}"))
