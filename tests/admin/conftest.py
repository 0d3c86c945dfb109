"""Browsers of operators."""

import pytest
from django.contrib.auth.models import Permission

from tests.make import make_user


@pytest.fixture
def desk(client, olga):
    """Is the browser of Olga, who operates."""
    client.force_login(olga)
    return client


@pytest.fixture
def onlooker(client, db):
    """Is the browser of an operator who may look at everything and change nothing."""
    user = make_user(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(user)
    return client


@pytest.fixture
def helper(client, db):
    """Is the browser of an operator who may change users and is no superuser."""
    user = make_user(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    client.force_login(user)
    return client
