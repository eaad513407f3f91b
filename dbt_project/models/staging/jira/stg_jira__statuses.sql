with

source as (

    select
        id,
        category_key,
        {{ parse_json('payload', {
            'name': 'VARCHAR',
            'untranslatedName': 'VARCHAR',
            'scope': {'project': {'id': 'VARCHAR'}}
        }) }} as payload,
        name

    from {{ source('jira', 'statuses') }}

),

renamed as (

    select
        id as status_id,
        {{ plain_name('name') }} as name,
        {{ plain_name('payload.untranslatedName') }} as original_name,
        payload.scope.project.id as project_id,
        category_key as category

    from source

)

select * from renamed
