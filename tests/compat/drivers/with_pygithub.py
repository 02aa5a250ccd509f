import github
from base import saw, serve


def connect(order):
    options = {} if order.timeout is None else {"timeout": order.timeout}
    return github.Github(base_url=order.url, auth=github.Auth.Token("ghp_not_needed_here"), **options)


def call(client, order):
    # Lazily: the repository is not asked for, only its issue is made.
    issue = client.get_repo("acme/shop", lazy=True).create_issue(order.marker)
    return saw(issue.title)


serve(connect, call)
