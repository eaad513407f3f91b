with

source as (

    select
        id,
        {{ parse_json('payload', {
            'fields': {
                'fixVersions': [{'id': 'VARCHAR'}],
                'versions': [{'id': 'VARCHAR'}]
            }
        }) }} as payload

    from {{ source('jira', 'issues') }}

),

renamed as (

    select
        source.id || ':fix:' || version.id as issue_version_id,
        'jira:' || source.id as work_item_key,
        'jira:' || version.id as release_key,
        'fix' as link_role

    from source

    {{ each('source.payload.fields.fixVersions', 'version', 'version_no') }}

    where version.id is not null

    union all

    select
        source.id || ':affects:' || version.id as issue_version_id,
        'jira:' || source.id as work_item_key,
        'jira:' || version.id as release_key,
        'affects' as link_role

    from source

    {{ each('source.payload.fields.versions', 'version', 'version_no') }}

    where version.id is not null

)

select * from renamed
