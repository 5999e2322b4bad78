import socket

import pytest

from autotune_service.store.embedded.sockets import choose_socket_folder, clear_socket_folder, remove_socket_folder

NAME = ".s.PGSQL.5432"


def test_plain_folder_takes_its_own_socket(open_folder, me):
    assert choose_socket_folder(open_folder, me) == open_folder


@pytest.mark.parametrize("name", ["a,b", "it's", 'a"b', "my data", "a\nb", "a&b", "a#b", "é", "x" * 90])
def test_name_that_does_not_fit_a_socket_leads_to_a_private_folder_that_stays_the_same(open_folder, me, name):
    folder = open_folder / name
    folder.mkdir()
    sockets = choose_socket_folder(folder, me)
    assert sockets not in {folder, open_folder}
    assert sockets.stat().st_mode & 0o777 == 0o700
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(sockets / NAME))
    assert choose_socket_folder(folder, me) == sockets
    clear_socket_folder(sockets, folder)
    assert list(sockets.iterdir()) == []
    remove_socket_folder(sockets, folder)
    assert not sockets.exists()


def test_private_folder_that_others_may_enter_is_not_used(open_folder, me):
    folder = open_folder / "a,b"
    folder.mkdir()
    taken = choose_socket_folder(folder, me)
    taken.chmod(0o755)
    other = choose_socket_folder(folder, me)
    assert other != taken
    assert other.stat().st_mode & 0o777 == 0o700
    other.rmdir()
    taken.rmdir()


def test_socket_of_the_clusters_own_folder_is_left_to_postgres(open_folder):
    (open_folder / NAME).touch()
    remove_socket_folder(open_folder, open_folder)
    assert (open_folder / NAME).exists()
