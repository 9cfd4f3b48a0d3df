# Read by the flask command (python-dotenv); what the shell already sets wins.
FLASK_APP=itsm_app.commands.app:create_command_app
# The folder of the embedded DynamoDB. Empty: the AWS SDK's own settings select the DynamoDB.
LOCAL_DYNAMODB=instance/dynamodb
