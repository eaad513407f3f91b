with

source as (

    select
        id,
        {{ parse_json('payload', {
            'fields': {
                'issuelinks': [{
                     'id': 'VARCHAR',
                     'type': {
                         'id': 'VARCHAR', 'name': 'VARCHAR', 'outward': 'VARCHAR'
                     },
                     'inwardIssue': {'id': 'VARCHAR'},
                     'outwardIssue': {'id': 'VARCHAR'}
                 }]
            }
        }) }} as payload

    from {{ source('jira', 'issues') }}

),

-- Both ends of a link show it; the end that it points away from tells of it.
renamed as (

    select
        source.id || ':' || link.id as issue_link_id,
        link.type.id as link_type_id,
        {{ known_as('link.type.name') }} as link_name,
        {{ known_as('link.type.outward') }} as outward_wording,
        'jira:' || source.id as from_key,
        'jira:' || link.outwardIssue.id as to_key

    from source

    {{ each('source.payload.fields.issuelinks', 'link', 'link_no') }}

    where link.outwardIssue.id is not null

)

select * from renamed
