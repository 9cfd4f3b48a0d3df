"""Deployment with Zappa: the Lambda handler, its package, resource names and IAM policies."""
