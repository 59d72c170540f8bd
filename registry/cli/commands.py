"""The registry's contribution to the command, all on one screen."""

from registry.cli import deployments, endpoints, images, models, processes, scoring, tokens
from registry.cli.assembly import Commands


def contribute(commands: Commands) -> None:
    """Add the nouns of the workspace, and the registry's own process."""
    commands.app.command()(processes.registry)
    commands.app.command()(scoring.score)
    commands.app.command()(tokens.audit)

    model = commands.group("model", "Named, versioned models, produced by runs.")
    model.command("register")(models.register)
    model.command("list")(models.list_models)
    model.command("show")(models.show)

    image = commands.group("image", "Freeze model, scoring script and dependencies.")
    image.command("build")(images.build)
    image.command("list")(images.list_images)
    image.command("show")(images.show)

    endpoint = commands.group("endpoint", "Stable addresses with keys and a traffic split.")
    endpoint.command("create")(endpoints.create)
    endpoint.command("update")(endpoints.update)
    endpoint.command("list")(endpoints.list_endpoints)
    endpoint.command("show")(endpoints.show)
    endpoint.command("delete")(endpoints.delete)
    endpoint.command("regenerate-key")(endpoints.regenerate_key)

    deployment = commands.group("deployment", "Images with settings behind an endpoint.")
    deployment.command("create")(deployments.create)
    deployment.command("list")(deployments.list_deployments)
    deployment.command("show")(deployments.show)
    deployment.command("delete")(deployments.delete)

    token = commands.group("token", "Who may call the registry, and in which role.")
    token.command("create")(tokens.create)
    token.command("list")(tokens.list_tokens)
    token.command("revoke")(tokens.revoke)
