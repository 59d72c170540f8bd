"""The registry's contribution to the command, all on one screen."""

from registry.cli import (
    deployments,
    endpoints,
    image_prune,
    image_tags,
    images,
    integrity,
    models,
    processes,
    purge,
    run_code,
    run_diff,
    runs,
    scoring,
    tokens,
)
from registry.cli.assembly import PROCESSES, Commands


def contribute(commands: Commands) -> None:
    """Add the nouns of the workspace, and the registry's own process."""
    commands.process("registry", processes.registry, PROCESSES).command("verify")(integrity.verify)
    commands.app.command()(scoring.score)
    commands.app.command()(purge.purge)
    commands.app.command()(tokens.audit)

    run = commands.group("run", "What training scripts have recorded.\n\nExample: slipway run list")
    run.command("list")(runs.list_runs)
    run.command("show")(runs.show)
    run.command("diff")(run_diff.diff)
    run.command("snapshot")(run_code.snapshot)
    run.command("code")(run_code.code)
    run.command("delete")(runs.delete)
    run.command("restore")(runs.restore)

    model = commands.group(
        "model", "Named, versioned models, produced by runs or imported.\n\nExample: slipway model list"
    )
    model.command("register")(models.register)
    model.command("list")(models.list_models)
    model.command("show")(models.show)
    model.command("import")(models.import_files)
    model.command("alias")(models.alias)
    model.command("history")(models.history)
    model.command("delete")(models.delete)
    model.command("restore")(models.restore)

    image = commands.group("image", "Freeze model, scoring script and dependencies.\n\nExample: slipway image list")
    image.command("build")(images.build)
    image.command("list")(images.list_images)
    image.command("show")(images.show)
    image.command("tag")(image_tags.tag)
    image.command("untag")(image_tags.untag)
    image.command("label")(image_tags.label)
    image.command("history")(image_tags.history)
    image.command("diff")(image_tags.diff)
    image.command("prune")(image_prune.prune)

    endpoint = commands.group(
        "endpoint", "Stable addresses with keys and a traffic split.\n\nExample: slipway endpoint show cancer"
    )
    endpoint.command("create")(endpoints.create)
    endpoint.command("update")(endpoints.update)
    endpoint.command("list")(endpoints.list_endpoints)
    endpoint.command("show")(endpoints.show)
    endpoint.command("delete")(endpoints.delete)
    endpoint.command("regenerate-key")(endpoints.regenerate_key)

    deployment = commands.group(
        "deployment", "Images with settings behind an endpoint.\n\nExample: slipway deployment list cancer"
    )
    deployment.command("create")(deployments.create)
    deployment.command("list")(deployments.list_deployments)
    deployment.command("show")(deployments.show)
    deployment.command("delete")(deployments.delete)

    token = commands.group("token", "Who may call the registry, in which role.\n\nExample: slipway token list")
    token.command("create")(tokens.create)
    token.command("list")(tokens.list_tokens)
    token.command("revoke")(tokens.revoke)
