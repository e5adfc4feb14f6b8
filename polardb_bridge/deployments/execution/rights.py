"""What whoever runs statements may do with deployments, and see of them."""

from __future__ import annotations

from polardb_bridge.deployments.models import Deployment, no_such_deployment
from polardb_bridge.statements import syntax


class Rights:
    """Everything, as operators may: at a command line, over HTTP, on the operator's page."""

    def check(self, statement: syntax.Statement) -> None:
        """See that a statement of this kind, with these options, may be run at all.

        Raises:
            DeniedError: it may not.
        """

    def check_deploy(self, statement: syntax.DeployModel) -> None:
        """See that the table may be deployed.

        Raises:
            DeniedError: a privilege is missing.
        """

    def may_read(self, deployment: Deployment) -> bool:
        """Whether the deployment is seen; to whoever does not see it, there is none of that name."""
        return True

    def may_change(self, deployment: Deployment) -> bool:
        """Whether it may be opened and dropped, and its first password be seen."""
        return True

    def check_change(self, deployment: Deployment, statement: syntax.Statement) -> None:
        """See that it may be changed.

        Raises:
            DeniedError: a privilege is missing.
        """

    def find(self, name: str) -> Deployment:
        """The deployment of that name, in either case.

        Raises:
            NoSuchDeploymentError: there is none, or none that is seen.
        """
        deployment: Deployment = Deployment.objects.find(name)
        if not self.may_read(deployment):
            raise no_such_deployment(name)
        return deployment


EVERYTHING = Rights()
